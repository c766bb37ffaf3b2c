// What is drawn: meshes in camera space (metres; x right, y down, z away from the camera), light and a camera.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "render/vector.h"

namespace edgehand::render {

// 8-bit pictures of one size, row 0 at v = 1; all but `colour` may be null.
struct Texture {
  std::ptrdiff_t height = 0, width = 0;
  const std::uint8_t* colour = nullptr;  // height x width x 3, sRGB
  const std::int8_t* slope = nullptr;    // height x width x 2: rise to the right and downwards
  const std::uint8_t* nails = nullptr;   // height x width: 255 where a finger nail is
};

struct Material {
  Vec3 gain = {1, 1, 1};         // factor of the texture's linear colour
  float roughness = 0.5f;        // of GGX, 0..1
  float specular = 0.04f;        // reflectance at normal incidence
  Vec3 wrap = {0, 0, 0};         // how far light reaches round the edge of its own shadow, a colour each
  float bump = 0;                // factor of the slope
  float polish = 0;              // how much of the nails' colour is nail_colour
  Vec3 nail_colour = {1, 1, 1};  // linear
};

struct Mesh {
  std::ptrdiff_t vertex_count = 0, triangle_count = 0;
  const Vec3* positions = nullptr;
  const Vec3* normals = nullptr;              // unit, one a vertex
  const std::int32_t* triangles = nullptr;    // triangle_count x 3, indices of positions
  const float* uv = nullptr;                  // pairs
  const std::int32_t* uv_triangles = nullptr; // triangle_count x 3, indices of uv
  Texture texture;
  Material material;
  bool casts_shadow = true;  // what does not is a backdrop: corners of it are not darkened either
  int unseen = 0;  // of a closed surface: sign of the area in the picture of triangles that look away; else 0
};

struct Light {
  Vec3 direction;  // unit, towards the light
  Vec3 colour;     // linear
};

struct Lighting {
  Light key, fill;         // only `key` casts shadows
  float ambient[9][3];     // irradiance / pi of the surroundings as real spherical harmonics of the normal
  float exposure = 1;
  float shadow_leak = 0;   // how much of the key light reaches what is in its shadow
  float shadow_blur = 1;   // texels of the shadow map
  Vec3 shadow_centre;      // the shadow map covers a sphere
  float shadow_radius = 1; // metres
};

struct Camera {
  float focal, centre_x, centre_y;  // pixels; pixel i covers i .. i + 1
};

struct Joint {
  Vec3 position;
  float flesh;          // how deep below its own skin a joint still counts as seen, metres
  std::ptrdiff_t mesh;  // whose joint it is, by the order in which meshes were added
};

}  // namespace edgehand::render
