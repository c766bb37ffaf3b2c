// Triangles to samples.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "render/vector.h"

namespace edgehand::render {

// Weights of a triangle's corners at a point of the plane: linear in x and y.
struct Barycentric {
  Vec3 a, b, c;  // corners; z is ignored
  float scale;   // 1 / twice the signed area

  Barycentric(Vec3 corner_a, Vec3 corner_b, Vec3 corner_c)
      : a(corner_a), b(corner_b), c(corner_c), scale(1.f / ((b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x))) {}

  Vec3 at(float x, float y) const {
    const float of_a = ((c.x - b.x) * (y - b.y) - (c.y - b.y) * (x - b.x)) * scale;
    const float of_b = ((a.x - c.x) * (y - c.y) - (a.y - c.y) * (x - c.x)) * scale;
    return {of_a, of_b, 1.f - of_a - of_b};
  }
};

// The nearest triangle at the centre of each cell of a grid.
struct Samples {
  std::ptrdiff_t width, height;
  std::vector<float> nearness;         // 0 where there is none
  std::vector<std::int32_t> triangle;  // -1 where there is none

  Samples(std::ptrdiff_t columns, std::ptrdiff_t rows)
      : width(columns),
        height(rows),
        nearness(static_cast<std::size_t>(columns * rows), 0.f),
        triangle(static_cast<std::size_t>(columns * rows), -1) {}

  // points: x, y in cells and a nearness > 0 that is linear in them (1 / z in perspective); triangles with a corner
  // of nearness 0 are left out, and so are those whose signed area has the sign of `unseen` (1, -1; 0: neither).
  // Triangle k is entered as first + k.
  void draw(const Vec3* points, const std::int32_t* triangles, std::ptrdiff_t count, std::int32_t first, int unseen);
};

}  // namespace edgehand::render
