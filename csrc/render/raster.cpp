#include "render/raster.h"

#include <algorithm>
#include <cmath>

namespace edgehand::render {
namespace {

constexpr float farthest = 1e6f;  // cells; beyond it, and for NaN, a triangle is left out

bool usable(Vec3 p) { return p.z > 0 && std::fabs(p.x) < farthest && std::fabs(p.y) < farthest; }

}  // namespace

void Samples::draw(const Vec3* points, const std::int32_t* triangles, std::ptrdiff_t count, std::int32_t first) {
  for (std::ptrdiff_t k = 0; k < count; ++k) {
    const Vec3 a = points[triangles[3 * k]], b = points[triangles[3 * k + 1]], c = points[triangles[3 * k + 2]];
    if (!usable(a) || !usable(b) || !usable(c)) continue;
    const auto limits = [](float p, float q, float r, std::ptrdiff_t size) {
      const auto low = static_cast<std::ptrdiff_t>(std::ceil(std::min({p, q, r}) - 0.5f));
      const auto high = static_cast<std::ptrdiff_t>(std::floor(std::max({p, q, r}) - 0.5f));
      return std::pair{std::max<std::ptrdiff_t>(0, low), std::min(size - 1, high)};
    };
    const auto [left, right] = limits(a.x, b.x, c.x, width);
    const auto [top, bottom] = limits(a.y, b.y, c.y, height);
    if (left > right || top > bottom) continue;
    const Barycentric weights(a, b, c);
    if (!std::isfinite(weights.scale)) continue;

    const Vec3 along_x = {(b.y - c.y) * weights.scale, (c.y - a.y) * weights.scale, (a.y - b.y) * weights.scale};
    const Vec3 nearness_of = {a.z, b.z, c.z};
    for (std::ptrdiff_t y = top; y <= bottom; ++y) {
      Vec3 w = weights.at(static_cast<float>(left) + 0.5f, static_cast<float>(y) + 0.5f);
      for (std::ptrdiff_t x = left; x <= right; ++x, w = w + along_x) {
        if (std::min({w.x, w.y, w.z}) < 0) continue;
        const float near = dot(w, nearness_of);
        const auto cell = static_cast<std::size_t>(y * width + x);
        if (near > nearness[cell]) {
          nearness[cell] = near;
          triangle[cell] = first + static_cast<std::int32_t>(k);
        }
      }
    }
  }
}

}  // namespace edgehand::render
