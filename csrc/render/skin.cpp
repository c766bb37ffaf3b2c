#include "render/skin.h"

#include <algorithm>

namespace edgehand::render {

void skin(const Vec3* vertices, std::ptrdiff_t count, const std::int32_t* bones, const float* weights,
          std::ptrdiff_t influences, const float* transforms, Vec3* posed) {
  for (std::ptrdiff_t i = 0; i < count; ++i) {
    float blended[12] = {};
    for (std::ptrdiff_t k = i * influences; k < (i + 1) * influences; ++k) {
      const float* transform = transforms + 12 * bones[k];
      for (int j = 0; j < 12; ++j) blended[j] += weights[k] * transform[j];
    }
    const Vec3 v = vertices[i];
    const auto row = [&](const float* m) { return m[0] * v.x + m[1] * v.y + m[2] * v.z + m[3]; };
    posed[i] = {row(blended), row(blended + 4), row(blended + 8)};
  }
}

void multiply(const std::int32_t* starts, const std::int32_t* columns, const float* values, std::ptrdiff_t rows,
              const Vec3* vectors, Vec3* product) {
  for (std::ptrdiff_t row = 0; row < rows; ++row) {
    Vec3 sum = {0, 0, 0};
    for (std::int32_t k = starts[row]; k < starts[row + 1]; ++k) sum = sum + vectors[columns[k]] * values[k];
    product[row] = sum;
  }
}

void vertex_normals(const Vec3* positions, std::ptrdiff_t count, const std::int32_t* triangles,
                    std::ptrdiff_t triangle_count, Vec3* normals) {
  std::fill(normals, normals + count, Vec3{0, 0, 0});
  for (const std::int32_t* t = triangles; t != triangles + 3 * triangle_count; t += 3) {
    const Vec3 normal = cross(positions[t[1]] - positions[t[0]], positions[t[2]] - positions[t[0]]);
    for (int i = 0; i < 3; ++i) normals[t[i]] = normals[t[i]] + normal;
  }
  // Squared lengths of tiny triangles would fall below what `unit` takes for zero.
  std::transform(normals, normals + count, normals, [](Vec3 n) { return unit(n * 1e6f); });
}

}  // namespace edgehand::render
