#include "render/shade.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace edgehand::render {
namespace {

constexpr float gamma = 2.2f;

// 8-bit sRGB to linear.
const std::array<float, 256> linear = [] {
  std::array<float, 256> table{};
  for (int i = 0; i < 256; ++i) table[i] = std::pow(static_cast<float>(i) / 255.f, gamma);
  return table;
}();

// Linear to sRGB, by the square root of the linear value: dark colours need the finer steps.
constexpr int encoded_steps = 1024;
const std::array<float, encoded_steps + 1> encoded = [] {
  std::array<float, encoded_steps + 1> table{};
  for (int i = 0; i <= encoded_steps; ++i) table[i] = std::pow(static_cast<float>(i) / encoded_steps, 2.f / gamma);
  return table;
}();

// Nothing that is no number may choose where in a table to look.
float from_0_to_1(float value) { return value > 0 ? std::min(value, 1.f) : 0.f; }

float encode(float value) {
  const float position = std::sqrt(from_0_to_1(value)) * encoded_steps;
  return encoded[static_cast<int>(position + 0.5f)];
}

struct Texel {
  Vec3 colour;         // linear
  float right, down;   // slope
  float nail;          // 0..1
};

Texel look_up(const Texture& texture, float u, float v) {
  const float x = from_0_to_1(u) * static_cast<float>(texture.width) - 0.5f;
  const float y = from_0_to_1(1.f - v) * static_cast<float>(texture.height) - 0.5f;
  const auto column = std::min(std::max<std::ptrdiff_t>(static_cast<std::ptrdiff_t>(x), 0), texture.width - 2);
  const auto row = std::min(std::max<std::ptrdiff_t>(static_cast<std::ptrdiff_t>(y), 0), texture.height - 2);
  const float fx = std::min(std::max(x - static_cast<float>(column), 0.f), 1.f);
  const float fy = std::min(std::max(y - static_cast<float>(row), 0.f), 1.f);
  const float weights[4] = {(1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy};
  const std::ptrdiff_t corner = row * texture.width + column;
  const std::ptrdiff_t corners[4] = {corner, corner + 1, corner + texture.width, corner + texture.width + 1};
  Texel texel{{0, 0, 0}, 0, 0, 0};
  for (int i = 0; i < 4; ++i) {
    const std::uint8_t* rgb = texture.colour + 3 * corners[i];
    texel.colour = texel.colour + Vec3{linear[rgb[0]], linear[rgb[1]], linear[rgb[2]]} * weights[i];
  }
  if (texture.slope != nullptr) {
    texel.right = texture.slope[2 * corner];
    texel.down = texture.slope[2 * corner + 1];
  }
  if (texture.nails != nullptr) texel.nail = static_cast<float>(texture.nails[corner]) / 255.f;
  return texel;
}

// Light of the surroundings on a surface: R. Ramamoorthi, P. Hanrahan, "An Efficient Representation for Irradiance
// Environment Maps" (2001).
Vec3 ambient(const float (&coefficients)[9][3], Vec3 n) {
  const float basis[9] = {0.282095f,
                          0.488603f * n.y,
                          0.488603f * n.z,
                          0.488603f * n.x,
                          1.092548f * n.x * n.y,
                          1.092548f * n.y * n.z,
                          0.315392f * (3 * n.z * n.z - 1),
                          1.092548f * n.x * n.z,
                          0.546274f * (n.x * n.x - n.y * n.y)};
  Vec3 sum = {0, 0, 0};
  for (int i = 0; i < 9; ++i) {
    sum = sum + Vec3{coefficients[i][0], coefficients[i][1], coefficients[i][2]} * basis[i];
  }
  return {std::max(sum.x, 0.01f), std::max(sum.y, 0.01f), std::max(sum.z, 0.01f)};
}

bool is_black(Vec3 colour) { return colour.x == 0 && colour.y == 0 && colour.z == 0; }

// GGX highlight with Schlick's Fresnel term and Karis's visibility approximation, times the cosine.
float highlight(Vec3 normal, Vec3 view, Vec3 light, float roughness, float specular) {
  const float towards_light = dot(normal, light);
  if (towards_light <= 0) return 0;
  const Vec3 half = unit(light + view);
  const float cosine = std::max(dot(normal, half), 0.f), towards_half = std::max(dot(view, half), 0.f);
  const float towards_view = std::max(dot(normal, view), 0.05f);
  const float a = roughness * roughness, a2 = a * a;
  const float spread = cosine * cosine * (a2 - 1) + 1;
  const float distribution = a2 / (3.14159265f * spread * spread);
  const float k = a / 2;
  const float visibility = 0.25f / ((towards_light * (1 - k) + k) * (towards_view * (1 - k) + k));
  const float grazing = 1 - towards_half, grazing2 = grazing * grazing;
  const float fresnel = specular + (1 - specular) * grazing2 * grazing2 * grazing;
  return std::min(distribution * visibility * fresnel * towards_light * 3.14159265f, 4.f);
}

Vec3 diffuse(Vec3 normal, Vec3 light, Vec3 wrap) {
  const float cosine = dot(normal, light);
  const auto around = [cosine](float w) { return std::max((cosine + w) / (1 + w), 0.f); };
  return {around(wrap.x), around(wrap.y), around(wrap.z)};
}

}  // namespace

Vec3 shade(const SurfacePoint& point, const Mesh& mesh, const Lighting& lighting, float lit, float open) {
  const Material& material = mesh.material;
  const Texel texel = look_up(mesh.texture, point.u, point.v);
  const float polish = material.polish * texel.nail;
  const Vec3 albedo = texel.colour * material.gain * (1 - polish) + material.nail_colour * polish;
  const Vec3 view = unit(point.position * -1.f);
  Vec3 normal = point.normal;
  if (dot(normal, view) < 0) normal = normal * -1.f;
  const float bump = 0.01f * material.bump * (1 - texel.nail);
  // `down` grows against v.
  normal = unit(normal - point.along_u * (bump * texel.right) + point.along_v * (bump * texel.down));

  const float roughness = std::max(material.roughness * (1 - 0.35f * texel.nail), 0.15f);
  const Vec3 around = ambient(lighting.ambient, normal) * open;
  const float edge = 1 - std::max(dot(normal, view), 0.f), edge2 = edge * edge;
  Vec3 light = around, glint = around * (material.specular * (1 + 2 * edge2 * edge2));
  const auto add = [&](const Light& lamp, float reaches, float glints) {
    if (is_black(lamp.colour)) return;
    light = light + diffuse(normal, lamp.direction, material.wrap) * lamp.colour * reaches;
    glint = glint + lamp.colour * (highlight(normal, view, lamp.direction, roughness, material.specular) * glints);
  };
  add(lighting.key, lit, lit);
  add(lighting.fill, open, 1);
  const Vec3 radiance = (albedo * light + glint) * lighting.exposure;
  // Highlights are rolled off as film does.
  const auto tone = [](float value) { return encode(value / (1 + 0.18f * value)); };
  return {tone(radiance.x), tone(radiance.y), tone(radiance.z)};
}

}  // namespace edgehand::render
