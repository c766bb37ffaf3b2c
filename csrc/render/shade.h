// The colour of a point of a surface.
#pragma once

#include "render/scene.h"

namespace edgehand::render {

struct SurfacePoint {
  Vec3 position, normal;
  float u, v;
  Vec3 along_u, along_v;  // unit tangents in which u and v grow; zero where the texture has no bumps
};

// lit: part of the key light that arrives, 0..1; open: part of the surroundings that is not hidden, 0..1.
// Returns sRGB 0..1.
Vec3 shade(const SurfacePoint& point, const Mesh& mesh, const Lighting& lighting, float lit, float open);

}  // namespace edgehand::render
