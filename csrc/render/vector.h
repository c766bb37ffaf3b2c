// Vectors of three floats.
#pragma once

#include <cmath>

namespace edgehand::render {

struct Vec3 {
  float x, y, z;
};

inline Vec3 operator+(Vec3 a, Vec3 b) { return {a.x + b.x, a.y + b.y, a.z + b.z}; }
inline Vec3 operator-(Vec3 a, Vec3 b) { return {a.x - b.x, a.y - b.y, a.z - b.z}; }
inline Vec3 operator*(Vec3 a, float s) { return {a.x * s, a.y * s, a.z * s}; }
inline Vec3 operator*(Vec3 a, Vec3 b) { return {a.x * b.x, a.y * b.y, a.z * b.z}; }
inline float dot(Vec3 a, Vec3 b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
inline Vec3 cross(Vec3 a, Vec3 b) { return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x}; }
inline Vec3 unit(Vec3 a) { return a * (1.f / std::sqrt(dot(a, a) + 1e-20f)); }

// The mean of `a`, `b` and `c` by the weights `w` of a triangle's corners.
inline Vec3 blend(Vec3 w, Vec3 a, Vec3 b, Vec3 c) { return a * w.x + b * w.y + c * w.z; }

}  // namespace edgehand::render
