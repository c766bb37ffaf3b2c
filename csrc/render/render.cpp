#include <algorithm>
#include <cmath>

#include "render/raster.h"
#include "render/scene.h"
#include "render/shade.h"

namespace edgehand::render {
namespace {

constexpr std::ptrdiff_t samples_a_side = 2;
constexpr std::ptrdiff_t shadow_size = 384;
constexpr float near_plane = 0.03f;        // metres
constexpr float deepest_crevice = 0.012f;  // metres

using Points = std::vector<std::vector<Vec3>>;  // of each mesh: x, y in samples, nearness

Points project(const Scene& scene) {
  Points points;
  const Camera& camera = scene.camera;
  for (const Mesh& mesh : scene.meshes) {
    std::vector<Vec3>& projected = points.emplace_back();
    projected.reserve(static_cast<std::size_t>(mesh.vertex_count));
    for (std::ptrdiff_t i = 0; i < mesh.vertex_count; ++i) {
      const Vec3 p = mesh.positions[i];
      if (!(p.z > near_plane)) {
        projected.push_back({0, 0, 0});
        continue;
      }
      const float nearness = 1 / p.z;
      projected.push_back({samples_a_side * (camera.focal * p.x * nearness + camera.centre_x),
                           samples_a_side * (camera.focal * p.y * nearness + camera.centre_y), nearness});
    }
  }
  return points;
}

// Which mesh a numbered triangle is of.
class Owners {
 public:
  explicit Owners(const std::vector<Mesh>& meshes) {
    std::int32_t first = 0;
    for (const Mesh& mesh : meshes) {
      firsts_.push_back(first);
      first += static_cast<std::int32_t>(mesh.triangle_count);
    }
  }
  std::int32_t first(std::size_t mesh) const { return firsts_[mesh]; }
  std::size_t mesh_of(std::int32_t triangle) const {
    return static_cast<std::size_t>(std::upper_bound(firsts_.begin(), firsts_.end(), triangle) - firsts_.begin()) - 1;
  }

 private:
  std::vector<std::int32_t> firsts_;
};

// Orthographic map of what the key light sees.
class ShadowMap {
 public:
  explicit ShadowMap(const Scene& scene) : lighting_(scene.lighting), map_(shadow_size, shadow_size) {
    away_ = lighting_.key.direction * -1.f;
    const Vec3 helper = std::fabs(away_.y) < 0.9f ? Vec3{0, 1, 0} : Vec3{1, 0, 0};
    right_ = unit(cross(helper, away_));
    down_ = cross(away_, right_);
    std::vector<Vec3> points;
    for (const Mesh& mesh : scene.meshes) {
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
  Openness(const Samples& samples, const Owners& owners, const Scene& scene)
      : open_(static_cast<std::size_t>(scene.size * scene.size), 1) {
    const std::ptrdiff_t size = scene.size;
    const std::ptrdiff_t stride = size + 1;
    std::vector<double> depth_sum(static_cast<std::size_t>(stride * stride), 0), count = depth_sum;
    std::vector<float> depth(open_.size(), 0);
    for (std::ptrdiff_t y = 0; y < size; ++y) {
      double row_depth = 0, row_count = 0;
      for (std::ptrdiff_t x = 0; x < size; ++x) {
        const auto sample = static_cast<std::size_t>(samples_a_side * (y * samples.width + x));
        const auto pixel = static_cast<std::size_t>(y * size + x);
        // What only stands behind would get a dark rim round whatever is before it.
        if (samples.triangle[sample] >= 0 && scene.meshes[owners.mesh_of(samples.triangle[sample])].casts_shadow) {
          depth[pixel] = 1 / samples.nearness[sample];
          row_depth += depth[pixel];
          row_count += 1;
        }
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
          const float steepness = below * scene.camera.focal / (depth[pixel] * static_cast<float>(radius));
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

bool is_seen(const Joint& joint, const Scene& scene, const Samples& samples, const Owners& owners) {
  const Camera& camera = scene.camera;
  const float nearness = 1 / joint.position.z;
  const float x = samples_a_side * (camera.focal * joint.position.x * nearness + camera.centre_x);
  const float y = samples_a_side * (camera.focal * joint.position.y * nearness + camera.centre_y);
  if (!(joint.position.z > near_plane && x >= 0 && y >= 0 && x < static_cast<float>(samples.width) &&
        y < static_cast<float>(samples.height))) {
    return false;
  }
  const auto cell = static_cast<std::size_t>(static_cast<std::ptrdiff_t>(y) * samples.width +
                                             static_cast<std::ptrdiff_t>(x));
  if (samples.triangle[cell] < 0) return true;
  const bool own = static_cast<std::ptrdiff_t>(owners.mesh_of(samples.triangle[cell])) == joint.mesh;
  return 1 / samples.nearness[cell] > joint.position.z - (own ? joint.flesh : 0.f);
}

}  // namespace

bool render(const Scene& scene, const std::vector<Joint>& joints, std::ptrdiff_t fewest, float* rgba,
            std::uint8_t* visible) {
  const Points points = project(scene);
  const Owners owners(scene.meshes);
  Samples samples(samples_a_side * scene.size, samples_a_side * scene.size);
  for (std::size_t m = 0; m < scene.meshes.size(); ++m) {
    const Mesh& mesh = scene.meshes[m];
    samples.draw(points[m].data(), mesh.triangles, mesh.triangle_count, owners.first(m), mesh.unseen);
  }
  std::ptrdiff_t of_the_first = 0;
  for (const Joint& joint : joints) {
    *visible = is_seen(joint, scene, samples, owners);
    if (joint.mesh == 0) of_the_first += *visible;
    ++visible;
  }
  if (of_the_first < fewest) return false;

  const ShadowMap shadow(scene);
  const Openness open(samples, owners, scene);
  constexpr std::ptrdiff_t samples_a_pixel = samples_a_side * samples_a_side;
  // Samples of one surface within a pixel are shaded once: nearer together than this part of their depth.
  constexpr float one_surface = 0.01f;
  for (std::ptrdiff_t pixel = 0; pixel < scene.size * scene.size; ++pixel) {
    const std::ptrdiff_t left = samples_a_side * (pixel % scene.size), top = samples_a_side * (pixel / scene.size);
    float* out = rgba + 4 * pixel;
    std::fill(out, out + 4, 0.f);
    bool done[samples_a_pixel] = {};
    for (std::ptrdiff_t i = 0; i < samples_a_pixel; ++i) {
      const auto cell_of = [&](std::ptrdiff_t sample) {
        return static_cast<std::size_t>((top + sample / samples_a_side) * samples.width + left +
                                        sample % samples_a_side);
      };
      const std::size_t cell = cell_of(i);
      const std::int32_t triangle = samples.triangle[cell];
      if (done[i] || triangle < 0) continue;
      const std::size_t m = owners.mesh_of(triangle);
      float weight = 0;
      for (std::ptrdiff_t j = i; j < samples_a_pixel; ++j) {
        const std::size_t other = cell_of(j);
        const bool same = !done[j] && samples.triangle[other] >= 0 && owners.mesh_of(samples.triangle[other]) == m &&
                          std::fabs(samples.nearness[other] - samples.nearness[cell]) <
                              one_surface * samples.nearness[cell];
        if (same) {
          done[j] = true;
          weight += 1.f / samples_a_pixel;
        }
      }
      const Mesh& mesh = scene.meshes[m];
      const SurfacePoint point = surface_point(mesh, points[m], triangle - owners.first(m),
                                               static_cast<float>(left + i % samples_a_side) + 0.5f,
                                               static_cast<float>(top + i / samples_a_side) + 0.5f);
      const Vec3 colour = shade(point, mesh, scene.lighting, shadow.lit(point.position),
                                open[static_cast<std::size_t>(pixel)]);
      out[0] += colour.x * weight;
      out[1] += colour.y * weight;
      out[2] += colour.z * weight;
      out[3] += weight;
    }
  }
  return true;
}

}  // namespace edgehand::render
