// From the cell of the peak to a position between cells: arithmetic on blocks of values, shared by all kernels.
#pragma once

#include <cstddef>

namespace edgehand {

struct Point {
  float x, y;
};

inline Point operator+(Point a, Point b) { return {a.x + b.x, a.y + b.y}; }

// Vertex of the parabola through three neighbours, the middle one the largest: -0.5 to 0.5; 0 if there is none.
float parabola_vertex(float before, float middle, float after);

// Soft-argmax reads the cells within `softargmax_radius` of a cell, row by row, -infinity where there is none and in the
// three at the end. Returns the mean position relative to that cell, weighted by exp(value - peak).
inline constexpr std::size_t softargmax_radius = 4;
inline constexpr std::size_t softargmax_rows = 2 * softargmax_radius + 1;
inline constexpr std::size_t softargmax_cells = softargmax_rows * softargmax_rows;
using SoftargmaxBlock = float[softargmax_cells + 3];
Point softargmax_offset(const SoftargmaxBlock& block, float peak);

// DARK (Zhang et al., CVPR 2020): the map is blurred with a Gaussian of 11 x 11 cells and sigma 2, zeros around it,
// scaled so that its largest value is the old one, and cut off below at `taylor_smallest`; then one step of Newton
// on its logarithm.
inline constexpr std::size_t blur_radius = 5;
inline constexpr float taylor_smallest = 1e-10F;

// The thirteen cells that the step reads.
struct TaylorCells {
  float centre, left, right, up, down, left2, right2, up2, down2, up_left, up_right, down_left, down_right;
  float* begin() { return &centre; }
  float* end() { return &down_right + 1; }
};

// Blurs them from the cells within 7 of the peak, one unused column at the right.
inline constexpr std::size_t taylor_radius = blur_radius + 2;
inline constexpr std::size_t taylor_rows = 2 * taylor_radius + 1;
inline constexpr std::size_t taylor_pitch = 16;
using TaylorBlock = float[taylor_rows][taylor_pitch];
TaylorCells blur(const TaylorBlock& block);

// Largest value of the whole blurred map; `padded` has `blur_radius` zeros on each side of height x width cells.
float blurred_maximum(const float* padded, std::size_t height, std::size_t width);

// Newton's step from the centre; (0, 0) if it is no finite number.
Point newton_step(const TaylorCells& cells);

// UDP (Huang et al., CVPR 2020): the same blur and scale, cut off to `udp_smallest` .. `udp_largest`; one step of
// Newton on the logarithm, from the eight neighbours.
inline constexpr float udp_smallest = 1e-3F;
inline constexpr float udp_largest = 50.0F;
using UdpCells = float[3][3];

// Blurs the 3 x 3 cells in the middle of the block; `rows` and `columns` are the places to blur at, -1 .. 1 from the
// middle, which is how the nearest cell stands in for one that is not there.
inline constexpr std::size_t udp_radius = blur_radius + 1;
inline constexpr std::size_t udp_rows = 2 * udp_radius + 1;
using UdpBlock = float[udp_rows][udp_rows];
void blur(const UdpBlock& block, const std::ptrdiff_t (&rows)[3], const std::ptrdiff_t (&columns)[3], UdpCells& cells);

// Newton's step from the middle; (0, 0) if it is no finite number.
Point udp_step(const UdpCells& cells);

}  // namespace edgehand
