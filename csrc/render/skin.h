// A posed, smooth mesh of a hand.
#pragma once

#include <cstddef>
#include <cstdint>

#include "render/vector.h"

namespace edgehand::render {

// Linear blend skinning: each vertex by `influences` bones, transforms (bones x 3 x 4) from rest to pose.
void skin(const Vec3* vertices, std::ptrdiff_t count, const std::int32_t* bones, const float* weights,
          std::ptrdiff_t influences, const float* transforms, Vec3* posed);

// rows x columns sparse matrix (compressed rows) times vectors: one step of subdivision.
void multiply(const std::int32_t* starts, const std::int32_t* columns, const float* values, std::ptrdiff_t rows,
              const Vec3* vectors, Vec3* product);

// Unit normals of vertices: the mean of their triangles' normals by area.
void vertex_normals(const Vec3* positions, std::ptrdiff_t count, const std::int32_t* triangles,
                    std::ptrdiff_t triangle_count, Vec3* normals);

}  // namespace edgehand::render
