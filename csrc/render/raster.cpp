#include "render/raster.h"

#include <algorithm>
#include <cmath>

namespace edgehand::render {
namespace {

constexpr float farthest = 1e6f;  // cells; beyond it, and for NaN, a triangle is left out

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
      const auto low = static_cast<std::ptrdiff_t>(std::ceil(std::min({p, q, r}) - 0.5f));
      const auto high = static_cast<std::ptrdiff_t>(std::floor(std::max({p, q, r}) - 0.5f));
      return std::pair{std::max<std::ptrdiff_t>(0, low), std::min(size - 1, high)};
    };
    const auto [left, right] = limits(a.x, b.x, c.x, width);
    const auto [top, bottom] = limits(a.y, b.y, c.y, height);
    if (left > right || top > bottom) continue;
    const Barycentric weights(a, b, c);
    if (!std::isfinite(weights.scale)) continue;

    // What each weight grows by from cell to cell, and how many cells it takes to grow by 1.
    const Vec3 growth = {(b.y - c.y) * weights.scale, (c.y - a.y) * weights.scale, (a.y - b.y) * weights.scale};
    const Vec3 cells = {1 / growth.x, 1 / growth.y, 1 / growth.z};
    const Vec3 nearness_of = {a.z, b.z, c.z};
    const float near_growth = dot(growth, nearness_of);
    const auto number = first + static_cast<std::int32_t>(k);
    for (std::ptrdiff_t y = top; y <= bottom; ++y) {
      const Vec3 w = weights.at(static_cast<float>(left) + 0.5f, static_cast<float>(y) + 0.5f);
      // Cells from `left` between which no weight is negative.
      float from = 0, to = static_cast<float>(right - left);
      const auto narrow = [&from, &to](float weight, float rise, float run) {
        if (rise > 0) from = std::max(from, -weight * run);
        else if (rise < 0) to = std::min(to, -weight * run);
        else if (weight < 0) to = -1;
      };
      narrow(w.x, growth.x, cells.x);
      narrow(w.y, growth.y, cells.y);
      narrow(w.z, growth.z, cells.z);
      if (!(from <= to)) continue;
      const auto start = static_cast<std::ptrdiff_t>(std::ceil(from)), end = static_cast<std::ptrdiff_t>(to);
      const float near = dot(w, nearness_of);
      float* nearest = nearness.data() + y * width + left;
      std::int32_t* drawn = triangle.data() + y * width + left;
      for (std::ptrdiff_t x = start; x <= end; ++x) {
        const float here = near + near_growth * static_cast<float>(x);
        const bool nearer = here > nearest[x];
        nearest[x] = nearer ? here : nearest[x];
        drawn[x] = nearer ? number : drawn[x];
      }
    }
  }
}

}  // namespace edgehand::render
