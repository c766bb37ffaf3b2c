// A picture of meshes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "render/raster.h"
#include "render/scene.h"

namespace edgehand::render {

// A square picture of meshes, 2 x 2 samples a pixel. Meshes are drawn one by one, so that what nobody will see can be
// told before the rest of a scene is made; light comes last.
class Canvas {
 public:
  Canvas(const Camera& camera, std::ptrdiff_t size);

  void add(const Mesh& mesh);

  // Whether nothing is drawn in front of a joint but its own flesh, and the joint lies in the picture.
  bool is_seen(const Joint& joint) const;

  // rgba: size x size x 4, sRGB 0..1 multiplied by coverage, and coverage.
  void shade(const Lighting& lighting, float* rgba) const;

  std::ptrdiff_t size() const { return size_; }

 private:
  Vec3 project(Vec3 position) const;
  std::size_t mesh_of(std::int32_t triangle) const {
    return static_cast<std::size_t>(mesh_of_[static_cast<std::size_t>(triangle)]);
  }
  std::vector<float> depth_of_shadow_casters() const;

  Camera camera_;
  std::ptrdiff_t size_;
  Samples samples_;
  std::vector<Mesh> meshes_;
  std::vector<std::vector<Vec3>> points_;  // of each mesh: x, y in samples, nearness
  std::vector<std::int32_t> firsts_;       // number of each mesh's first triangle
  std::vector<std::int32_t> mesh_of_;      // of each triangle, by its number
};

}  // namespace edgehand::render
