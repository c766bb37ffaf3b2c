#include <algorithm>
#include <cmath>
#include <utility>

#include "render/canvas.h"
#include "render/shade.h"

namespace edgehand::render {
namespace {

constexpr std::ptrdiff_t samples_a_side = 2;
constexpr std::ptrdiff_t shadow_size = 384;
constexpr float near_plane = 0.03f;        // metres
constexpr float deepest_crevice = 0.012f;  // metres

// Orthographic map of what the key light sees.
class ShadowMap {
 public:
  ShadowMap(const std::vector<Mesh>& meshes, const Lighting& lighting)
      : lighting_(lighting), map_(shadow_size, shadow_size) {
    away_ = lighting_.key.direction * -1.f;
    const Vec3 helper = std::fabs(away_.y) < 0.9f ? Vec3{0, 1, 0} : Vec3{1, 0, 0};
    right_ = unit(cross(helper, away_));
    down_ = cross(away_, right_);
    std::vector<Vec3> points;
    for (const Mesh& mesh : meshes) {
      if (!mesh.casts_shadow) continue;
      points.resize(static_cast<std::size_t>(mesh.vertex_count));
      std::transform(mesh.positions, mesh.positions + mesh.vertex_count, points.begin(),
                     [this](Vec3 p) { return place(p); });
      map_.draw(points.data(), mesh.triangles, mesh.triangle_count, 0, mesh.unseen);
    }
  }

  // Part of the key light that reaches a point: the mean of 3 x 3 comparisons.
  float lit(Vec3 position) const {
    const Vec3 p = place(position);
    if (!(p.x >= 0 && p.x < shadow_size && p.y >= 0 && p.y < shadow_size)) return 1;
    const float bias = 0.003f / (8 * lighting_.shadow_radius);
    int reached = 0;
    for (int j = -1; j <= 1; ++j) {
      for (int i = -1; i <= 1; ++i) {
        const auto x = std::clamp<std::ptrdiff_t>(
            static_cast<std::ptrdiff_t>(p.x + lighting_.shadow_blur * static_cast<float>(i)), 0, shadow_size - 1);
        const auto y = std::clamp<std::ptrdiff_t>(
            static_cast<std::ptrdiff_t>(p.y + lighting_.shadow_blur * static_cast<float>(j)), 0, shadow_size - 1);
        if (map_.nearness[static_cast<std::size_t>(y * shadow_size + x)] <= p.z + bias) ++reached;
      }
    }
    const float part = static_cast<float>(reached) / 9;
    return part + (1 - part) * lighting_.shadow_leak;
  }

 private:
  // x, y in cells, nearness to the light 0..1 within four radii.
  Vec3 place(Vec3 position) const {
    const Vec3 p = position - lighting_.shadow_centre;
    const float scale = shadow_size / (2 * lighting_.shadow_radius);
    return {dot(p, right_) * scale + shadow_size / 2, dot(p, down_) * scale + shadow_size / 2,
            0.5f - dot(p, away_) / (8 * lighting_.shadow_radius)};
  }

  const Lighting& lighting_;
  Samples map_;
  Vec3 right_, down_, away_;
};

// Ambient occlusion in the picture: a pixel that lies deeper than its neighbourhood sees less of the surroundings.
class Openness {
 public:
  // depth: size x size, metres from the camera; 0 where there is nothing that could hide or be hidden.
  Openness(const std::vector<float>& depth, std::ptrdiff_t size, float focal) : open_(depth.size(), 1) {
    const std::ptrdiff_t stride = size + 1;
    std::vector<double> depth_sum(static_cast<std::size_t>(stride * stride), 0), count = depth_sum;
    for (std::ptrdiff_t y = 0; y < size; ++y) {
      double row_depth = 0, row_count = 0;
      for (std::ptrdiff_t x = 0; x < size; ++x) {
        const float here = depth[static_cast<std::size_t>(y * size + x)];
        row_depth += here;
        row_count += here > 0;
        const auto below = static_cast<std::size_t>((y + 1) * stride + x + 1);
        depth_sum[below] = depth_sum[below - static_cast<std::size_t>(stride)] + row_depth;
        count[below] = count[below - static_cast<std::size_t>(stride)] + row_count;
      }
    }
    for (const std::ptrdiff_t radius : {size / 80 + 1, size / 28 + 1}) {
      for (std::ptrdiff_t y = 0; y < size; ++y) {
        const std::ptrdiff_t top = std::max<std::ptrdiff_t>(0, y - radius), bottom = std::min(size, y + radius + 1);
        for (std::ptrdiff_t x = 0; x < size; ++x) {
          const auto pixel = static_cast<std::size_t>(y * size + x);
          if (depth[pixel] == 0) continue;
          const std::ptrdiff_t left = std::max<std::ptrdiff_t>(0, x - radius), right = std::min(size, x + radius + 1);
          const auto box = [&](const std::vector<double>& sums) {
            return sums[static_cast<std::size_t>(bottom * stride + right)] -
                   sums[static_cast<std::size_t>(top * stride + right)] -
                   sums[static_cast<std::size_t>(bottom * stride + left)] +
                   sums[static_cast<std::size_t>(top * stride + left)];
          };
          const double mean = box(depth_sum) / box(count);
          // Depth below the neighbourhood in units of the neighbourhood's radius; what is far behind is no crevice.
          const float below = static_cast<float>(depth[pixel] - mean), far = below / deepest_crevice;
          const float steepness = below * focal / (depth[pixel] * static_cast<float>(radius));
          const float hidden = std::clamp(1.2f * steepness, 0.f, 1.2f) / (1 + far * far);
          open_[pixel] *= 1 - 0.5f * hidden;
        }
      }
    }
  }

  float operator[](std::size_t pixel) const { return std::max(open_[pixel], 0.12f); }

 private:
  std::vector<float> open_;
};

SurfacePoint surface_point(const Mesh& mesh, const std::vector<Vec3>& points, std::ptrdiff_t triangle, float x, float y) {
  const std::int32_t* corner = mesh.triangles + 3 * triangle;
  const Vec3 a = points[corner[0]], b = points[corner[1]], c = points[corner[2]];
  Vec3 w = Barycentric(a, b, c).at(x, y) * Vec3{a.z, b.z, c.z};  // perspective
  w = w * (1 / (w.x + w.y + w.z));
  const float* uv[3];
  for (int i = 0; i < 3; ++i) uv[i] = mesh.uv + 2 * mesh.uv_triangles[3 * triangle + i];
  const Vec3 *positions = mesh.positions, *normals = mesh.normals;
  SurfacePoint point{blend(w, positions[corner[0]], positions[corner[1]], positions[corner[2]]),
                     unit(blend(w, normals[corner[0]], normals[corner[1]], normals[corner[2]])),
                     uv[0][0] * w.x + uv[1][0] * w.y + uv[2][0] * w.z,
                     uv[0][1] * w.x + uv[1][1] * w.y + uv[2][1] * w.z,
                     {0, 0, 0},
                     {0, 0, 0}};
  if (mesh.texture.slope == nullptr) return point;
  const Vec3 side1 = positions[corner[1]] - positions[corner[0]], side2 = positions[corner[2]] - positions[corner[0]];
  const float u1 = uv[1][0] - uv[0][0], v1 = uv[1][1] - uv[0][1];
  const float u2 = uv[2][0] - uv[0][0], v2 = uv[2][1] - uv[0][1];
  const float area = u1 * v2 - v1 * u2;
  if (std::fabs(area) > 1e-12f) {
    point.along_u = unit((side1 * v2 - side2 * v1) * (1 / area));
    point.along_v = unit((side2 * u1 - side1 * u2) * (1 / area));
  }
  return point;
}

}  // namespace

Canvas::Canvas(const Camera& camera, std::ptrdiff_t size)
    : camera_(camera), size_(size), samples_(samples_a_side * size, samples_a_side * size) {}

void Canvas::add(const Mesh& mesh) {
  std::vector<Vec3> points(static_cast<std::size_t>(mesh.vertex_count));
  std::transform(mesh.positions, mesh.positions + mesh.vertex_count, points.begin(), [this](Vec3 p) {
    return p.z > near_plane ? project(p) : Vec3{0, 0, 0};
  });
  const auto first = static_cast<std::int32_t>(mesh_of_.size());
  samples_.draw(points.data(), mesh.triangles, mesh.triangle_count, first, mesh.unseen);
  firsts_.push_back(first);
  mesh_of_.insert(mesh_of_.end(), static_cast<std::size_t>(mesh.triangle_count),
                  static_cast<std::int32_t>(meshes_.size()));
  meshes_.push_back(mesh);
  points_.push_back(std::move(points));
}

bool Canvas::is_seen(const Joint& joint) const {
  const Vec3 at = project(joint.position);
  if (!(joint.position.z > near_plane && at.x >= 0 && at.y >= 0 && at.x < static_cast<float>(samples_.width) &&
        at.y < static_cast<float>(samples_.height))) {
    return false;
  }
  const auto cell = static_cast<std::size_t>(static_cast<std::ptrdiff_t>(at.y) * samples_.width +
                                             static_cast<std::ptrdiff_t>(at.x));
  const std::int32_t triangle = samples_.triangle[cell];
  if (triangle < 0) return true;
  const bool own = mesh_of(triangle) == static_cast<std::size_t>(joint.mesh);
  return 1 / samples_.nearness[cell] > joint.position.z - (own ? joint.flesh : 0.f);
}

void Canvas::shade(const Lighting& lighting, float* rgba) const {
  const ShadowMap shadow(meshes_, lighting);
  const Openness open(depth_of_shadow_casters(), size_, camera_.focal);
  constexpr std::ptrdiff_t samples_a_pixel = samples_a_side * samples_a_side;
  // Samples of one surface within a pixel are shaded once: nearer together than this part of their depth.
  constexpr float one_surface = 0.01f;
  for (std::ptrdiff_t y = 0; y < size_; ++y) {
    for (std::ptrdiff_t x = 0; x < size_; ++x, rgba += 4) {
      std::fill(rgba, rgba + 4, 0.f);
      std::size_t cells[samples_a_pixel];
      std::int32_t triangles[samples_a_pixel];
      for (std::ptrdiff_t i = 0; i < samples_a_pixel; ++i) {
        cells[i] = static_cast<std::size_t>((samples_a_side * y + i / samples_a_side) * samples_.width +
                                            samples_a_side * x + i % samples_a_side);
        triangles[i] = samples_.triangle[cells[i]];
      }
      for (std::ptrdiff_t i = 0; i < samples_a_pixel; ++i) {
        if (triangles[i] < 0) continue;
        const std::int32_t triangle = triangles[i];
        const std::size_t m = mesh_of(triangle);
        const float nearness = samples_.nearness[cells[i]];
        float weight = 0;
        for (std::ptrdiff_t j = i; j < samples_a_pixel; ++j) {
          if (triangles[j] >= 0 && mesh_of(triangles[j]) == m &&
              std::fabs(samples_.nearness[cells[j]] - nearness) < one_surface * nearness) {
            triangles[j] = -1;
            weight += 1.f / samples_a_pixel;
          }
        }
        const SurfacePoint point = surface_point(meshes_[m], points_[m], triangle - firsts_[m],
                                                 static_cast<float>(samples_a_side * x + i % samples_a_side) + 0.5f,
                                                 static_cast<float>(samples_a_side * y + i / samples_a_side) + 0.5f);
        const Vec3 colour = render::shade(point, meshes_[m], lighting, shadow.lit(point.position),
                                          open[static_cast<std::size_t>(y * size_ + x)]);
        rgba[0] += colour.x * weight;
        rgba[1] += colour.y * weight;
        rgba[2] += colour.z * weight;
        rgba[3] += weight;
      }
    }
  }
}

Vec3 Canvas::project(Vec3 position) const {
  const float nearness = 1 / position.z;
  return {samples_a_side * (camera_.focal * position.x * nearness + camera_.centre_x),
          samples_a_side * (camera_.focal * position.y * nearness + camera_.centre_y), nearness};
}

std::vector<float> Canvas::depth_of_shadow_casters() const {
  std::vector<float> depth(static_cast<std::size_t>(size_ * size_), 0);
  for (std::ptrdiff_t y = 0; y < size_; ++y) {
    for (std::ptrdiff_t x = 0; x < size_; ++x) {
      const auto sample = static_cast<std::size_t>(samples_a_side * (y * samples_.width + x));
      const std::int32_t triangle = samples_.triangle[sample];
      // What only stands behind would get a dark rim round whatever is before it.
      if (triangle >= 0 && meshes_[mesh_of(triangle)].casts_shadow) {
        depth[static_cast<std::size_t>(y * size_ + x)] = 1 / samples_.nearness[sample];
      }
    }
  }
  return depth;
}

}  // namespace edgehand::render
