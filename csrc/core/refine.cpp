#include "core/refine.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <vector>

namespace edgehand {
namespace {

// Four at a time: every CPU has that, and sums come in the same order everywhere.
typedef float Floats __attribute__((vector_size(16)));
typedef std::int32_t Ints __attribute__((vector_size(16)));

Floats load(const float* data) {
  Floats values;
  std::memcpy(&values, data, sizeof values);
  return values;
}

float sum_of(Floats v) { return (v[0] + v[1]) + (v[2] + v[3]); }

// exp and log are written out because libm's differ in the last bit from one CPU to the next.

// exp(x) for x <= 0, and 0 below -87 and for NaN: 2^n exp(r), |r| <= ln(2) / 2, by Taylor's series of degree 7.
Floats exp_negative(Floats x) {
  const Floats lowest = Floats{} - 87.0F;
  const auto in_range = x >= lowest;
  const Floats safe = in_range ? x : lowest;
  const Ints n = __builtin_convertvector(safe * 1.44269504F - 0.5F, Ints);
  const Floats whole = __builtin_convertvector(n, Floats);
  const Floats r = (safe - whole * 0.693359375F) + whole * 2.12194440e-4F;  // ln 2 in two parts, the first exact
  Floats sum = r * (1.0F / 5040.0F) + 1.0F / 720.0F;
  sum = sum * r + 1.0F / 120.0F;
  sum = sum * r + 1.0F / 24.0F;
  sum = sum * r + 1.0F / 6.0F;
  sum = sum * r + 0.5F;
  sum = sum * r + 1.0F;
  sum = sum * r + 1.0F;
  const Ints exponents = (n + 127) << 23;
  Floats powers;
  std::memcpy(&powers, &exponents, sizeof powers);
  return in_range ? sum * powers : Floats{};
}

// log(x) for normal x > 0, NaN for infinity and NaN: x = m 2^e with m from sqrt(1/2) to sqrt(2), log m = 2 artanh((m - 1) / (m + 1)).
double log_positive(double x) {
  if (!std::isfinite(x)) return NAN;
  std::uint64_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  const std::uint64_t root_half = 0x3FE6A09E667F3BCDU;
  const std::int64_t e = static_cast<std::int64_t>(bits - root_half) >> 52;
  bits -= static_cast<std::uint64_t>(e) << 52;
  double m;
  std::memcpy(&m, &bits, sizeof m);
  const double s = (m - 1.0) / (m + 1.0);
  const double s2 = s * s;
  double sum = s2 * (1.0 / 13.0) + 1.0 / 11.0;
  sum = sum * s2 + 1.0 / 9.0;
  sum = sum * s2 + 1.0 / 7.0;
  sum = sum * s2 + 1.0 / 5.0;
  sum = sum * s2 + 1.0 / 3.0;
  sum = sum * s2 + 1.0;
  return 2.0 * s * sum + static_cast<double>(e) * 0.69314718055994531;
}

// exp(-i^2 / 8), i = 0 .. 5, divided by the sum of all eleven.
constexpr float blur_weights[blur_radius + 1] = {0.200565414F,  0.176998357F,  0.121649073F,
                                                 0.0651140566F, 0.0271435771F, 0.00881222929F};

// Where the cells of a SoftargmaxBlock lie.
struct Offsets {
  SoftargmaxBlock x = {}, y = {};
  constexpr Offsets() {
    for (std::size_t i = 0; i < softargmax_cells; ++i) {
      x[i] = static_cast<float>(i % softargmax_rows) - static_cast<float>(softargmax_radius);
      y[i] = static_cast<float>(i / softargmax_rows) - static_cast<float>(softargmax_radius);
    }
  }
};
constexpr Offsets offsets;

// Weighted sum of the eleven values that `at` gives for -5 .. 5.
template <class At>
auto blurred(const At& at) {
  auto sum = at(0) * blur_weights[0];
  for (std::ptrdiff_t i = 1; i <= static_cast<std::ptrdiff_t>(blur_radius); ++i) {
    sum += (at(-i) + at(i)) * blur_weights[i];
  }
  return sum;
}

}  // namespace

float parabola_vertex(float before, float middle, float after) {
  const float offset = 0.5F * (before - after) / (before - 2.0F * middle + after);
  return std::isfinite(offset) ? offset : 0.0F;
}

Point softargmax_offset(const SoftargmaxBlock& block, float peak) {
  if (!std::isfinite(peak)) return {0.0F, 0.0F};
  Floats sum = {};
  Floats sum_x = {};
  Floats sum_y = {};
  for (std::size_t i = 0; i < std::size(block); i += 4) {
    const Floats weights = exp_negative(load(block + i) - peak);
    sum += weights;
    sum_x += weights * load(offsets.x + i);
    sum_y += weights * load(offsets.y + i);
  }
  const float total = sum_of(sum);
  return {sum_of(sum_x) / total, sum_of(sum_y) / total};
}

TaylorCells blur(const TaylorBlock& block) {
  float rows[5][taylor_pitch];  // the five rows around the peak, blurred along y
  for (std::ptrdiff_t i = 0; i < 5; ++i) {
    for (std::size_t j = 0; j < taylor_pitch; j += 4) {
      const Floats sum = blurred([&](std::ptrdiff_t k) { return load(&block[i + 5 + k][j]); });
      std::memcpy(&rows[i][j], &sum, sizeof sum);
    }
  }
  Floats values[5];  // columns -1 .. 2 of each row
  for (std::size_t i = 0; i < 5; ++i) {
    values[i] = blurred([&](std::ptrdiff_t k) { return load(&rows[i][6 + k]); });
  }
  TaylorCells cells;
  cells.up2 = values[0][1];
  cells.up_left = values[1][0];
  cells.up = values[1][1];
  cells.up_right = values[1][2];
  cells.left2 = blurred([&](std::ptrdiff_t k) { return rows[2][5 + k]; });
  cells.left = values[2][0];
  cells.centre = values[2][1];
  cells.right = values[2][2];
  cells.right2 = values[2][3];
  cells.down_left = values[3][0];
  cells.down = values[3][1];
  cells.down_right = values[3][2];
  cells.down2 = values[4][1];
  return cells;
}

void blur(const UdpBlock& block, const std::ptrdiff_t (&rows)[3], const std::ptrdiff_t (&columns)[3], UdpCells& cells) {
  constexpr auto middle = static_cast<std::ptrdiff_t>(udp_radius);
  for (std::size_t i = 0; i < 3; ++i) {
    float row[udp_rows];  // blurred along y
    for (std::size_t j = 0; j < udp_rows; ++j) {
      row[j] = blurred([&](std::ptrdiff_t k) { return block[middle + rows[i] + k][j]; });
    }
    for (std::size_t j = 0; j < 3; ++j) {
      cells[i][j] = blurred([&](std::ptrdiff_t k) { return row[middle + columns[j] + k]; });
    }
  }
}

float blurred_maximum(const float* padded, std::size_t height, std::size_t width) {
  const std::size_t pitch = width + 2 * blur_radius;
  std::vector<float> row(pitch);
  float largest = -INFINITY;
  for (std::size_t y = 0; y < height; ++y) {
    for (std::size_t x = 0; x < pitch; ++x) {
      const float* middle = padded + (y + blur_radius) * pitch + x;
      row[x] = blurred([&](std::ptrdiff_t k) { return middle[k * static_cast<std::ptrdiff_t>(pitch)]; });
    }
    for (std::size_t x = 0; x < width; ++x) {
      const float* middle = row.data() + x + blur_radius;
      const float value = blurred([&](std::ptrdiff_t k) { return middle[k]; });
      if (value > largest) largest = value;
    }
  }
  return largest;
}

Point newton_step(const TaylorCells& c) {
  // Differences of logarithms are logarithms of ratios: five instead of thirteen.
  const auto log_ratio = [](double a, double b, double c2, double d) { return log_positive(a * b / (c2 * d)); };
  const double dx = 0.5 * log_ratio(c.right, 1.0, c.left, 1.0);
  const double dy = 0.5 * log_ratio(c.down, 1.0, c.up, 1.0);
  const double dxx = 0.25 * log_ratio(c.right2, c.left2, c.centre, c.centre);
  const double dyy = 0.25 * log_ratio(c.down2, c.up2, c.centre, c.centre);
  const double dxy = 0.25 * log_ratio(c.down_right, c.up_left, c.up_right, c.down_left);
  const double determinant = dxx * dyy - dxy * dxy;
  const Point step = {static_cast<float>((dxy * dy - dyy * dx) / determinant),
                      static_cast<float>((dxy * dx - dxx * dy) / determinant)};
  if (!std::isfinite(step.x) || !std::isfinite(step.y)) return {0.0F, 0.0F};
  return step;
}

Point udp_step(const UdpCells& cells) {
  double logs[3][3];
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = 0; j < 3; ++j) logs[i][j] = log_positive(static_cast<double>(cells[i][j]));
  }
  constexpr double epsilon = 1.1920929e-7;  // keeps a flat map solvable
  const double dx = 0.5 * (logs[1][2] - logs[1][0]);
  const double dy = 0.5 * (logs[2][1] - logs[0][1]);
  const double dxx = logs[1][2] - 2.0 * logs[1][1] + logs[1][0] + epsilon;
  const double dyy = logs[2][1] - 2.0 * logs[1][1] + logs[0][1] + epsilon;
  const double dxy =
      0.5 * (logs[2][2] - logs[1][2] - logs[2][1] + 2.0 * logs[1][1] - logs[1][0] - logs[0][1] + logs[0][0]);
  const double determinant = dxx * dyy - dxy * dxy;
  const Point step = {static_cast<float>((dxy * dy - dyy * dx) / determinant),
                      static_cast<float>((dxy * dx - dxx * dy) / determinant)};
  if (!std::isfinite(step.x) || !std::isfinite(step.y)) return {0.0F, 0.0F};
  return step;
}

}  // namespace edgehand
