// Does one thing a given number of times, for counting instructions: the difference between two numbers of times
// is what it costs, without the start.
//
//   count_core CASE TIMES        the kernel by EDGEHAND_KERNEL
//   count_core                   prints the cases

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "core/crop.h"
#include "core/decode.h"
#include "core/kernels/kernel.h"

namespace {

using namespace edgehand;

constexpr std::size_t keypoints = 21;
constexpr std::size_t side = 64;
constexpr std::size_t cells = side * side;

struct Case {
  const char* name;
  Type type;
  bool interleaved;
  Method method;
};

constexpr Case cases[] = {
    {"quarter-float32-NCHW", Type::float32, false, Method::quarter},
    {"quarter-float32-NHWC", Type::float32, true, Method::quarter},
    {"quarter-float16-NCHW", Type::float16, false, Method::quarter},
    {"quarter-int8-NCHW", Type::int8, false, Method::quarter},
    {"quarter-int8-NHWC", Type::int8, true, Method::quarter},
    {"taylor-float32-NCHW", Type::float32, false, Method::taylor},
    {"softargmax-int8-NHWC", Type::int8, true, Method::softargmax},
};

// All zero but a peak in each map, which costs next to nothing to set.
float floats[keypoints * cells];
std::uint16_t halves[keypoints * cells];
std::int8_t integers[keypoints * cells];
float points[keypoints * 2];
float scores[keypoints];

void decode_times(const Case& one, std::size_t times) {
  for (std::size_t k = 0; k < keypoints; ++k) {
    const std::size_t cell = (9 + 2 * k) * side + 7 + k;
    const std::size_t index = one.interleaved ? cell * keypoints + k : k * cells + cell;
    floats[index] = 1.0F;
    halves[index] = 0x3C00;
    integers[index] = 100;
  }
  const void* data = one.type == Type::float32   ? static_cast<const void*>(floats)
                     : one.type == Type::float16 ? static_cast<const void*>(halves)
                                                 : static_cast<const void*>(integers);
  const Heatmaps heatmaps = {one.type, one.interleaved, 1,   keypoints, side, side,
                             data,     keypoints * cells, one.interleaved ? 1 : static_cast<std::ptrdiff_t>(cells)};
  for (std::size_t i = 0; i < times; ++i) {
    decode(heatmaps, nullptr, false, one.method, {}, active_kernel(), points, scores);
  }
}

std::uint8_t picture[480 * 640 * 3];
std::int8_t table[3 * 256];
std::int8_t input[256 * 256 * 3];

void crop_times(bool antialias, std::size_t times) {
  const Image image = {picture, 480, 640, 640 * 3, 3, 1};
  const double scale = antialias ? 2.25 : 1.5;
  const Affine affine = {{scale, 0.1, 40.0, -0.1, scale, 20.0}};
  for (std::size_t i = 0; i < times; ++i) {
    crop(image, affine, antialias ? 192 : 256, antialias, {InputType::int8, true, table, input});
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    for (const Case& one : cases) std::printf("%s\n", one.name);
    std::printf("crop\ncrop-antialias\n");
    return 0;
  }
  const std::size_t times = std::strtoul(argv[2], nullptr, 10);
  for (const Case& one : cases) {
    if (std::strcmp(argv[1], one.name) == 0) decode_times(one, times);
  }
  if (std::strcmp(argv[1], "crop") == 0) crop_times(false, times);
  if (std::strcmp(argv[1], "crop-antialias") == 0) crop_times(true, times);
  return 0;
}
