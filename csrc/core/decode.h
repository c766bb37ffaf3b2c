// Heatmaps -> keypoints and scores.
#pragma once

#include <cstddef>
#include <cstdint>

namespace edgehand {

struct Kernel;

enum class Method { argmax, quarter, quarter_0x, taylor, udp, parabola, softargmax };

enum class Type { float32, float16, int8, uint8 };

// A batch of heatmaps as it lies in memory; strides count elements.
// Planar: each map is one dense height x width block. Interleaved: each image is one dense
// height x width x keypoints block (keypoint_stride is 1). A map has at most 2^31 - 1 cells and at least one.
struct Heatmaps {
  Type type;
  bool interleaved;
  std::size_t batch, keypoints, height, width;
  const void* data;
  std::ptrdiff_t batch_stride, keypoint_stride;
};

// What an integer means: scale * (integer - zero_point). Floats have {1, 0}.
struct Quantization {
  float scale = 1.0F;
  std::int32_t zero_point = 0;
};

// Writes (batch, keypoints, 2) x, y in heatmap cells and (batch, keypoints) peak values.
// `flipped`, if given, has the type and the sizes of `heatmaps` and comes from the mirrored picture:
// the mean of both, mirrored back, is decoded; `flip_shift` first moves the mirrored-back maps right by one cell.
void decode(const Heatmaps& heatmaps, const Heatmaps* flipped, bool flip_shift, Method method,
            Quantization quantization, const Kernel& kernel, float* keypoints, float* scores);

}  // namespace edgehand
