// A square patch of an image, as the network's input.
#pragma once

#include <cstddef>
#include <cstdint>

namespace edgehand {

// Three-channel 8-bit image; strides count bytes and may be negative.
struct Image {
  const std::uint8_t* data;
  std::ptrdiff_t height, width;
  std::ptrdiff_t row_stride, pixel_stride, channel_stride;
};

// Patch pixel (x, y) -> image pixel (m[0] x + m[1] y + m[2], m[3] x + m[4] y + m[5]).
struct Affine {
  double m[6];
};

enum class InputType { float32, int8, uint8 };

// The network's input: what each grey level of each channel becomes, and where it goes.
struct Input {
  InputType type;
  bool interleaved;   // height x width x 3, else 3 x height x width
  const void* table;  // 3 x 256 values of `type`
  void* data;         // size * size * 3 values of `type`
};

inline constexpr double farthest_coordinate = 1e6;

// Whether every pixel of a patch of this size comes from within +-farthest_coordinate of the image's corner.
bool within_reach(const Affine& affine, std::size_t size);

// Samples a size x size patch, looks every value up and writes it: one pass, no patch in between.
// Sampling is bilinear with zeros around the image, bit for bit OpenCV's classic warpAffine. With `antialias` a patch
// that shrinks the image f times, f >= 2, is sampled from the rounded means of floor(f) x floor(f) pixels, which
// start at the image's corner; pixels outside count as 0.
void crop(Image image, const Affine& affine, std::size_t size, bool antialias, const Input& input);

}  // namespace edgehand
