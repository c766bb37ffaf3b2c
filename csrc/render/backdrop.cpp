#include "render/backdrop.h"

#include <algorithm>
#include <cmath>

namespace edgehand::render {
namespace {

constexpr float pi = 3.14159265f;

// As std::atan2 to 1e-5, a hundredth of a panorama's pixel, in a third of the time: M. Abramowitz, I. Stegun,
// "Handbook of Mathematical Functions" (1964), 4.4.49.
float angle(float y, float x) {
  const float wide = std::max(std::fabs(x), std::fabs(y)), narrow = std::min(std::fabs(x), std::fabs(y));
  const float t = narrow / std::max(wide, 1e-20f), t2 = t * t;
  const float low = t * (0.999866f + t2 * (-0.3302995f + t2 * (0.180141f + t2 * (-0.085133f + t2 * 0.0208351f))));
  const float quarter = std::fabs(y) > std::fabs(x) ? pi / 2 - low : low;
  const float half = x < 0 ? pi - quarter : quarter;
  return y < 0 ? -half : half;
}

}  // namespace

void look_around(const std::uint8_t* panorama, std::ptrdiff_t height, std::ptrdiff_t width, const Vec3* to_camera,
                 float reach, std::ptrdiff_t size, std::uint8_t* view) {
  const float step = size > 1 ? 2 * reach / static_cast<float>(size - 1) : 0;
  const auto rows = static_cast<float>(height), columns = static_cast<float>(width);
  for (std::ptrdiff_t i = 0; i < size; ++i) {
    for (std::ptrdiff_t j = 0; j < size; ++j) {
      const float x = static_cast<float>(j) * step - reach, y = static_cast<float>(i) * step - reach;
      const Vec3 ray = to_camera[0] * x + to_camera[1] * y + to_camera[2];
      const float azimuth = angle(ray.x, ray.z);
      const float elevation = angle(ray.y, std::sqrt(ray.x * ray.x + ray.z * ray.z));
      const float column = (0.5f - azimuth / (2 * pi)) * columns - 0.5f;
      const float row = std::clamp((0.5f - elevation / pi) * rows - 0.5f, 0.f, rows - 1.001f);
      const float left_of = std::floor(column);
      // Floats round: of 65536 rows, 1.001 less is the last one.
      const auto above = std::min(static_cast<std::ptrdiff_t>(row), height - 2);
      const float fx = column - left_of, fy = row - static_cast<float>(above);
      // The last column lies beside the first.
      const auto left = (static_cast<std::ptrdiff_t>(left_of) + width) % width, right = (left + 1) % width;
      const std::uint8_t* top = panorama + 3 * width * above;
      const std::uint8_t* bottom = top + 3 * width;
      for (std::ptrdiff_t c = 0; c < 3; ++c) {
        const auto at = [&](const std::uint8_t* line) {
          return static_cast<float>(line[3 * left + c]) * (1 - fx) + static_cast<float>(line[3 * right + c]) * fx;
        };
        *view++ = static_cast<std::uint8_t>(at(top) * (1 - fy) + at(bottom) * fy);
      }
    }
  }
}

void put_before(const float* rgba, const std::uint8_t* behind, std::ptrdiff_t count, std::uint8_t* picture) {
  for (std::ptrdiff_t pixel = 0; pixel < count; ++pixel) {
    const float room = 1 - rgba[4 * pixel + 3];
    for (std::ptrdiff_t c = 3 * pixel; c < 3 * pixel + 3; ++c) {
      const float value = 255 * rgba[c + pixel] + room * static_cast<float>(behind[c]);
      picture[c] = static_cast<std::uint8_t>(value > 0 ? std::min(value, 255.f) : 0.f);
    }
  }
}

}  // namespace edgehand::render
