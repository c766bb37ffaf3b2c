// What can be said by hand about decode and crop, for every kernel that runs here. Ends with 1 if a check fails.

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <vector>

#include "core/crop.h"
#include "core/decode.h"
#include "core/kernels/kernel.h"

namespace {

using namespace edgehand;

int failures = 0;

#define CHECK(condition)                                                       \
  do {                                                                         \
    if (!(condition)) {                                                        \
      std::printf("%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);    \
      ++failures;                                                              \
    }                                                                          \
  } while (false)

struct Keypoint {
  float x, y, score;
};

// One float map of 64 x 64 through the planar search, and as one of 21 through the interleaved one: the same result.
Keypoint decode_one(const Kernel& kernel, Method method, const std::vector<float>& map) {
  Keypoint found = {};
  const Heatmaps planar = {Type::float32, false, 1, 1, 64, 64, map.data(), 4096, 4096};
  decode(planar, nullptr, false, method, {}, kernel, &found.x, &found.score);
  std::vector<float> cells(4096 * 21);
  for (std::size_t i = 0; i < 4096; ++i) cells[i * 21 + 20] = map[i];
  const Heatmaps interleaved = {Type::float32, true, 1, 21, 64, 64, cells.data(), 4096 * 21, 1};
  std::vector<float> points(42);
  std::vector<float> scores(21);
  decode(interleaved, nullptr, false, method, {}, kernel, points.data(), scores.data());
  CHECK(points[40] == found.x && points[41] == found.y);
  CHECK(scores[20] == found.score || std::isnan(found.score));
  CHECK(points[0] == (method == Method::softargmax || method == Method::parabola ? 0.0F : -1.0F) ||
        method == Method::softargmax);
  return found;
}

void test_decode(const Kernel& kernel) {
  std::vector<float> map(4096, -1.0F);
  map[40 * 64 + 30] = 2.0F;
  map[40 * 64 + 31] = 1.0F;
  map[41 * 64 + 30] = 0.5F;
  map[39 * 64 + 30] = 0.75F;
  Keypoint found = decode_one(kernel, Method::argmax, map);
  CHECK(found.x == 30.0F && found.y == 40.0F && found.score == 2.0F);
  found = decode_one(kernel, Method::quarter, map);
  CHECK(found.x == 30.25F && found.y == 39.75F);
  found = decode_one(kernel, Method::parabola, map);
  CHECK(std::fabs(found.x - 30.25F) < 1e-6F);  // 0.5 * (-1 - 1) / (-1 - 4 + 1)

  map[10 * 64 + 63] = 2.0F;  // the same value, earlier
  found = decode_one(kernel, Method::quarter, map);
  CHECK(found.x == 63.0F && found.y == 9.75F + 0.25F);

  map[0] = std::numeric_limits<float>::quiet_NaN();
  found = decode_one(kernel, Method::argmax, map);
  CHECK(found.x == 63.0F && found.y == 10.0F);

  map.assign(4096, std::numeric_limits<float>::quiet_NaN());
  found = decode_one(kernel, Method::argmax, map);
  CHECK(found.x == -1.0F && found.y == -1.0F && std::isnan(found.score));

  map[77] = -INFINITY;
  found = decode_one(kernel, Method::parabola, map);
  CHECK(found.x == 13.0F && found.y == 1.0F && found.score == -INFINITY);
}

// The mean with the mirrored pass of a mirrored picture is the picture's own, or between cells with the shift.
void test_flip(const Kernel& kernel) {
  std::vector<std::int8_t> map(4096);
  std::vector<std::int8_t> mirrored(4096);
  map[20 * 64 + 50] = 100;
  mirrored[20 * 64 + 13] = 100;
  const Heatmaps first = {Type::int8, false, 1, 1, 64, 64, map.data(), 4096, 4096};
  const Heatmaps second = {Type::int8, false, 1, 1, 64, 64, mirrored.data(), 4096, 4096};
  Keypoint found = {};
  decode(first, &second, false, Method::argmax, {0.5F, 0}, kernel, &found.x, &found.score);
  CHECK(found.x == 50.0F && found.y == 20.0F && found.score == 50.0F);
  decode(first, &second, true, Method::quarter, {0.5F, 0}, kernel, &found.x, &found.score);
  CHECK(found.x == 50.25F && found.score == 25.0F);  // the mirrored peak now lies at 51
}

void test_crop() {
  std::vector<std::uint8_t> pixels(8 * 8 * 3);
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<std::uint8_t>(i);
  const Image image = {pixels.data(), 8, 8, 24, 3, 1};
  std::vector<std::uint8_t> levels(3 * 256);
  for (std::size_t i = 0; i < levels.size(); ++i) levels[i] = static_cast<std::uint8_t>(i);
  std::vector<std::uint8_t> out(8 * 8 * 3);
  const Input input = {InputType::uint8, true, levels.data(), out.data()};
  crop(image, {{1, 0, 0, 0, 1, 0}}, 8, true, input);
  CHECK(out == pixels);
  crop(image, {{1, 0, 0.5, 0, 1, 0}}, 8, true, input);
  CHECK(out[0] == 2);            // (0 + 3) / 2, half up
  CHECK(out[21] == (21 + 1) / 2);  // beside the last column is 0
  crop(image, {{8, 0, 3.5, 0, 8, 3.5}}, 1, true, {InputType::uint8, true, levels.data(), out.data()});
  unsigned int sum = 32;
  for (std::size_t i = 0; i < 64; ++i) sum += pixels[3 * i];
  CHECK(out[0] == sum / 64);
  CHECK(!within_reach({{1, 0, NAN, 0, 1, 0}}, 8));
  CHECK(!within_reach({{INFINITY, 0, 0, 0, 1, 0}}, 1));
  CHECK(!within_reach({{1, 0, 0, 0, 1e300, 0}}, 1));
  CHECK(within_reach({{1, 0, -9e5, 0, 1, 0}}, 8));
}

}  // namespace

int main() {
  for (const Kernel* kernel : compiled_kernels()) {
    if (!kernel->runs_here()) continue;
    std::printf("%s\n", kernel->name);
    test_decode(*kernel);
    test_flip(*kernel);
  }
  test_crop();
  return failures == 0 ? 0 : 1;
}
