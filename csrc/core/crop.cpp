#include "core/crop.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace edgehand {
namespace {

// Coordinates are accumulated with 10 fractional bits and rounded to 5: OpenCV's classic warpAffine.
constexpr int accumulator_bits = 10;
constexpr int fraction_bits = 5;
constexpr std::int32_t fraction_one = 1 << fraction_bits;

std::int32_t to_accumulator(double value) {
  return static_cast<std::int32_t>(std::nearbyint(value * (1 << accumulator_bits)));
}

// Image coordinates of a row of patch pixels, in 1/32 pixel.
class Coordinates {
 public:
  Coordinates(const Affine& affine, std::size_t size) : affine_(affine), along_x_(size), along_y_(size) {
    for (std::size_t x = 0; x < size; ++x) {
      along_x_[x] = to_accumulator(affine.m[0] * static_cast<double>(x));
      along_y_[x] = to_accumulator(affine.m[3] * static_cast<double>(x));
    }
  }

  void start_row(std::size_t y) {
    constexpr std::int32_t half = 1 << (accumulator_bits - fraction_bits - 1);
    row_x_ = to_accumulator(affine_.m[1] * static_cast<double>(y) + affine_.m[2]) + half;
    row_y_ = to_accumulator(affine_.m[4] * static_cast<double>(y) + affine_.m[5]) + half;
  }

  std::int32_t x(std::size_t i) const { return (row_x_ + along_x_[i]) >> (accumulator_bits - fraction_bits); }
  std::int32_t y(std::size_t i) const { return (row_y_ + along_y_[i]) >> (accumulator_bits - fraction_bits); }

 private:
  Affine affine_;
  std::vector<std::int32_t> along_x_, along_y_;
  std::int32_t row_x_ = 0, row_y_ = 0;
};

// Bilinear value of the three channels at (x, y) in 1/32 pixel; the image is surrounded by zeros.
void sample(const Image& image, std::int32_t x, std::int32_t y, std::uint8_t* rgb) {
  const std::ptrdiff_t left = x >> fraction_bits;
  const std::ptrdiff_t top = y >> fraction_bits;
  const std::int32_t fx = x & (fraction_one - 1);
  const std::int32_t fy = y & (fraction_one - 1);
  const std::int32_t weights[4] = {(fraction_one - fy) * (fraction_one - fx), (fraction_one - fy) * fx,
                                   fy * (fraction_one - fx), fy * fx};
  std::int32_t sums[3] = {512, 512, 512};  // half of the weights' sum: rounds
  for (std::ptrdiff_t corner = 0; corner < 4; ++corner) {
    const std::ptrdiff_t column = left + corner % 2;
    const std::ptrdiff_t row = top + corner / 2;
    if (column < 0 || column >= image.width || row < 0 || row >= image.height) continue;
    const std::uint8_t* pixel = image.data + row * image.row_stride + column * image.pixel_stride;
    for (std::ptrdiff_t channel = 0; channel < 3; ++channel) {
      sums[channel] += weights[corner] * pixel[channel * image.channel_stride];
    }
  }
  for (std::size_t channel = 0; channel < 3; ++channel) {
    rgb[channel] = static_cast<std::uint8_t>(sums[channel] >> (2 * fraction_bits));
  }
}

// Blocks of factor x factor pixels, averaged; only those that a patch needs.
struct Reduced {
  std::vector<std::uint8_t> pixels;
  std::ptrdiff_t left = 0, top = 0, width = 0, height = 0;
};

Reduced reduce(const Image& image, std::ptrdiff_t factor, std::ptrdiff_t left, std::ptrdiff_t top,
               std::ptrdiff_t right, std::ptrdiff_t bottom) {
  Reduced reduced;
  reduced.left = std::max<std::ptrdiff_t>(left, 0);
  reduced.top = std::max<std::ptrdiff_t>(top, 0);
  reduced.width = std::max<std::ptrdiff_t>(std::min(right, (image.width + factor - 1) / factor) - reduced.left, 0);
  reduced.height = std::max<std::ptrdiff_t>(std::min(bottom, (image.height + factor - 1) / factor) - reduced.top, 0);
  reduced.pixels.resize(static_cast<std::size_t>(reduced.width * reduced.height * 3));
  const std::int64_t area = factor * factor;
  std::uint8_t* out = reduced.pixels.data();
  for (std::ptrdiff_t y = reduced.top; y < reduced.top + reduced.height; ++y) {
    for (std::ptrdiff_t x = reduced.left; x < reduced.left + reduced.width; ++x) {
      for (std::ptrdiff_t channel = 0; channel < 3; ++channel) {
        std::int64_t sum = area / 2;
        for (std::ptrdiff_t row = y * factor; row < std::min((y + 1) * factor, image.height); ++row) {
          for (std::ptrdiff_t column = x * factor; column < std::min((x + 1) * factor, image.width); ++column) {
            sum += image.data[row * image.row_stride + column * image.pixel_stride + channel * image.channel_stride];
          }
        }
        *out++ = static_cast<std::uint8_t>(sum / area);
      }
    }
  }
  return reduced;
}

struct Range {
  double low, high;
};

// Smallest and largest value of a x + b y + c over the patch.
Range range(const double* abc, std::size_t size) {
  const double last = static_cast<double>(size - 1);
  return {std::min(abc[0] * last, 0.0) + std::min(abc[1] * last, 0.0) + abc[2],
          std::max(abc[0] * last, 0.0) + std::max(abc[1] * last, 0.0) + abc[2]};
}

template <class T>
void sample_patch(const Image& image, const Affine& affine, std::size_t size, const Input& input) {
  const T* table = static_cast<const T*>(input.table);
  T* out = static_cast<T*>(input.data);
  const std::size_t pixel_step = input.interleaved ? 3 : 1;
  const std::size_t channel_step = input.interleaved ? 1 : size * size;
  Coordinates coordinates(affine, size);
  for (std::size_t y = 0; y < size; ++y) {
    coordinates.start_row(y);
    for (std::size_t x = 0; x < size; ++x, out += pixel_step) {
      std::uint8_t rgb[3];
      sample(image, coordinates.x(x), coordinates.y(x), rgb);
      for (std::size_t channel = 0; channel < 3; ++channel) {
        out[channel * channel_step] = table[channel * 256 + rgb[channel]];
      }
    }
  }
}

void sample_patch(const Image& image, const Affine& affine, std::size_t size, const Input& input) {
  switch (input.type) {
    case InputType::float32:
      return sample_patch<float>(image, affine, size, input);
    case InputType::int8:
      return sample_patch<std::int8_t>(image, affine, size, input);
    case InputType::uint8:
      return sample_patch<std::uint8_t>(image, affine, size, input);
  }
}

}  // namespace

bool within_reach(const Affine& affine, std::size_t size) {
  for (const std::size_t row : {0, 3}) {
    const Range reach = range(affine.m + row, size);
    if (!(reach.low >= -farthest_coordinate && reach.high <= farthest_coordinate)) return false;
  }
  return true;
}

void crop(const Image& image, const Affine& affine, std::size_t size, bool antialias, const Input& input) {
  const double* m = affine.m;
  const auto factor = static_cast<std::ptrdiff_t>(std::floor(std::sqrt(std::fabs(m[0] * m[4] - m[1] * m[3]))));
  if (!antialias || factor < 2) return sample_patch(image, affine, size, input);

  // Block i is the mean of the pixels f i .. f i + f - 1, so its centre is pixel f i + (f - 1) / 2.
  const auto f = static_cast<double>(factor);
  const double shift = (f - 1.0) / 2.0;
  Affine to_blocks = {{m[0] / f, m[1] / f, (m[2] - shift) / f, m[3] / f, m[4] / f, (m[5] - shift) / f}};
  const Range x = range(to_blocks.m, size);
  const Range y = range(to_blocks.m + 3, size);
  // One block of slack on each side for the rounding of the coordinates, one more for the right neighbour.
  const Reduced reduced =
      reduce(image, factor, static_cast<std::ptrdiff_t>(std::floor(x.low)) - 1,
             static_cast<std::ptrdiff_t>(std::floor(y.low)) - 1, static_cast<std::ptrdiff_t>(std::floor(x.high)) + 3,
             static_cast<std::ptrdiff_t>(std::floor(y.high)) + 3);
  to_blocks.m[2] -= static_cast<double>(reduced.left);
  to_blocks.m[5] -= static_cast<double>(reduced.top);
  const Image blocks = {reduced.pixels.data(), reduced.height, reduced.width, reduced.width * 3, 3, 1};
  sample_patch(blocks, to_blocks, size, input);
}

}  // namespace edgehand
