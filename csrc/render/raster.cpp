#include "render/raster.h"

#include <algorithm>
#include <cmath>

namespace edgehand::render {
namespace {

constexpr float farthest = 1e6f;  // cells; beyond it, and for NaN, a triangle is left out

// As std::floor and std::ceil, which are calls on processors that the library must still run on.
std::ptrdiff_t floor_of(float value) {
  const auto towards_zero = static_cast<std::int32_t>(value);
  return towards_zero - (static_cast<float>(towards_zero) > value);
}
std::ptrdiff_t ceil_of(float value) { return -floor_of(-value); }

bool usable(Vec3 p) { return p.z > 0 && std::fabs(p.x) < farthest && std::fabs(p.y) < farthest; }

}  // namespace

void Samples::draw(const Vec3* points, const std::int32_t* triangles, std::ptrdiff_t count, std::int32_t first,
                   int unseen) {
  for (std::ptrdiff_t k = 0; k < count; ++k) {
    const Vec3 a = points[triangles[3 * k]], b = points[triangles[3 * k + 1]], c = points[triangles[3 * k + 2]];
    if (!usable(a) || !usable(b) || !usable(c)) continue;
    const float area = (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
    if (area * static_cast<float>(unseen) > 0) continue;
    const auto limits = [](float p, float q, float r, std::ptrdiff_t size) {
      const auto low = ceil_of(std::min(std::min(p, q), r) - 0.5f);
      const auto high = floor_of(std::max(std::max(p, q), r) - 0.5f);
      return std::pair{std::max<std::ptrdiff_t>(0, low), std::min(size - 1, high)};
    };
    const auto [left, right] = limits(a.x, b.x, c.x, width);
    const auto [top, bottom] = limits(a.y, b.y, c.y, height);
    if (left > right || top > bottom) continue;
    const Barycentric weights(a, b, c);
    if (!std::isfinite(weights.scale)) continue;

    // The weights grow by the same from cell to cell. All cells of a row are tried, without a branch: most triangles
    // are a few cells wide.
    const Vec3 growth = {(b.y - c.y) * weights.scale, (c.y - a.y) * weights.scale, (a.y - b.y) * weights.scale};
    const Vec3 nearness_of = {a.z, b.z, c.z};
    const float near_growth = dot(growth, nearness_of);
    const auto number = first + static_cast<std::int32_t>(k);
    const auto cells = static_cast<int>(right - left + 1);
    for (std::ptrdiff_t y = top; y <= bottom; ++y) {
      const Vec3 w = weights.at(static_cast<float>(left) + 0.5f, static_cast<float>(y) + 0.5f);
      const float near = dot(w, nearness_of);
      float* nearest = nearness.data() + y * width + left;
      std::int32_t* drawn = triangle.data() + y * width + left;
      for (int i = 0; i < cells; ++i) {
        const auto x = static_cast<float>(i);
        const float here = near + near_growth * x;
        const float least = std::min(std::min(w.x + growth.x * x, w.y + growth.y * x), w.z + growth.z * x);
        const bool nearer = (least >= 0) & (here > nearest[i]);
        nearest[i] = nearer ? here : nearest[i];
        drawn[i] = nearer ? number : drawn[i];
      }
    }
  }
}

}  // namespace edgehand::render
