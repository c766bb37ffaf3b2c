#include "core/refine.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

namespace edgehand {
namespace {

// exp and log are written out because libm's differ in the last bit from one CPU to the next.

// exp(x) for x <= 0: 2^n * exp(r) with |r| <= ln(2) / 2 and Taylor's series of degree 7; 0 below -87.
float exp_negative(float x) {
  if (!(x >= -87.0F)) return 0.0F;
  const float n = std::floor(x * 1.44269504F + 0.5F);
  const float r = (x - n * 0.693359375F) + n * 2.12194440e-4F;  // ln 2 in two parts, the first exact
  float sum = 1.0F / 5040.0F;
  for (const float term : {1.0F / 720.0F, 1.0F / 120.0F, 1.0F / 24.0F, 1.0F / 6.0F, 0.5F, 1.0F, 1.0F}) {
    sum = sum * r + term;
  }
  const std::uint32_t bits = static_cast<std::uint32_t>(static_cast<std::int32_t>(n) + 127) << 23;
  float power;
  std::memcpy(&power, &bits, sizeof power);
  return sum * power;
}

// log(x) for normal x > 0: x = m * 2^e with m in [sqrt(1/2), sqrt(2)), log m = 2 artanh((m - 1) / (m + 1)).
double log_positive(double x) {
  int e = 0;
  double m = std::frexp(x, &e);
  if (m < 0.70710678118654752) {
    m *= 2.0;
    e -= 1;
  }
  const double s = (m - 1.0) / (m + 1.0);
  const double s2 = s * s;
  double sum = 1.0 / 15.0;
  for (const double term : {1.0 / 13.0, 1.0 / 11.0, 1.0 / 9.0, 1.0 / 7.0, 1.0 / 5.0, 1.0 / 3.0, 1.0}) {
    sum = sum * s2 + term;
  }
  return 2.0 * s * sum + e * 0.69314718055994531;
}

float sign(float value) { return static_cast<float>(value > 0.0F) - static_cast<float>(value < 0.0F); }

Point quarter(const Cells& cells, std::size_t x, std::size_t y, bool along_x, bool along_y) {
  float block[9];
  cells.read(static_cast<std::ptrdiff_t>(y) - 1, static_cast<std::ptrdiff_t>(x) - 1, 3, 3, block);
  return {static_cast<float>(x) + (along_x ? 0.25F * sign(block[5] - block[3]) : 0.0F),
          static_cast<float>(y) + (along_y ? 0.25F * sign(block[7] - block[1]) : 0.0F)};
}

// Vertex of the parabola through three neighbours; the middle one is the largest, so it lies within half a cell.
float vertex(float before, float middle, float after) {
  const float offset = 0.5F * (before - after) / (before - 2.0F * middle + after);
  return std::isfinite(offset) ? offset : 0.0F;
}

Point parabola(const Cells& cells, std::size_t x, std::size_t y) {
  float block[9];
  cells.read(static_cast<std::ptrdiff_t>(y) - 1, static_cast<std::ptrdiff_t>(x) - 1, 3, 3, block);
  const bool inside_x = x > 0 && x + 1 < cells.width;
  const bool inside_y = y > 0 && y + 1 < cells.height;
  return {static_cast<float>(x) + (inside_x ? vertex(block[3], block[4], block[5]) : 0.0F),
          static_cast<float>(y) + (inside_y ? vertex(block[1], block[4], block[7]) : 0.0F)};
}

Point softargmax(const Cells& cells, std::size_t x, std::size_t y, float peak) {
  constexpr std::size_t radius = 3;
  const std::size_t left = x - std::min(x, radius);
  const std::size_t top = y - std::min(y, radius);
  const std::size_t width = std::min(x + radius + 1, cells.width) - left;
  const std::size_t height = std::min(y + radius + 1, cells.height) - top;
  std::array<float, (2 * radius + 1) * (2 * radius + 1)> block;
  cells.read(static_cast<std::ptrdiff_t>(top), static_cast<std::ptrdiff_t>(left), height, width, block.data());
  float sum = 0.0F;
  float sum_x = 0.0F;
  float sum_y = 0.0F;
  for (std::size_t i = 0; i < height; ++i) {
    for (std::size_t j = 0; j < width; ++j) {
      const float weight = exp_negative(block[i * width + j] - peak);
      sum += weight;
      sum_x += weight * static_cast<float>(j);
      sum_y += weight * static_cast<float>(i);
    }
  }
  if (!(sum > 0.0F)) return {static_cast<float>(x), static_cast<float>(y)};  // the peak is infinite
  return {static_cast<float>(left) + sum_x / sum, static_cast<float>(top) + sum_y / sum};
}

constexpr std::size_t blur_radius = 5;
// exp(-i^2 / 8), i = 0..5, divided by the sum of all eleven: the kernel of size 11 and sigma 2.
constexpr std::array<float, blur_radius + 1> blur_weights = {0.200565414F,  0.176998357F,  0.121649073F,
                                                             0.0651140566F, 0.0271435771F, 0.00881222929F};

// Largest value of the whole map after the blur, zeros around it.
float blurred_maximum(const Cells& cells) {
  const std::size_t padded_height = cells.height + 2 * blur_radius;
  const std::size_t padded_width = cells.width + 2 * blur_radius;
  std::vector<float> padded(padded_height * padded_width);
  cells.read(-static_cast<std::ptrdiff_t>(blur_radius), -static_cast<std::ptrdiff_t>(blur_radius), padded_height,
             padded_width, padded.data());
  std::vector<float> column(padded_width);
  float largest = -INFINITY;
  for (std::size_t y = 0; y < cells.height; ++y) {
    for (std::size_t x = 0; x < padded_width; ++x) {
      const float* cell = &padded[(y + blur_radius) * padded_width + x];
      float sum = blur_weights[0] * *cell;
      for (std::size_t i = 1; i <= blur_radius; ++i) {
        sum += blur_weights[i] * (*(cell - i * padded_width) + *(cell + i * padded_width));
      }
      column[x] = sum;
    }
    for (std::size_t x = 0; x < cells.width; ++x) {
      const float* cell = &column[x + blur_radius];
      float sum = blur_weights[0] * *cell;
      for (std::size_t i = 1; i <= blur_radius; ++i) sum += blur_weights[i] * (*(cell - i) + *(cell + i));
      if (sum > largest) largest = sum;
    }
  }
  return largest;
}

// Newton's step on the logarithm of the blurred map (DARK, Zhang et al., CVPR 2020), with MMPose's borders.
Point taylor(const Cells& cells, std::size_t x, std::size_t y, float peak) {
  const Point cell = {static_cast<float>(x), static_cast<float>(y)};
  if (!(x > 1 && x + 2 < cells.width && y > 1 && y + 2 < cells.height)) return cell;

  constexpr std::size_t around = 2;
  constexpr std::size_t width = 2 * (blur_radius + around) + 1;
  constexpr std::size_t pitch = 16;
  std::array<float, width * width> block;
  constexpr auto reach = static_cast<std::ptrdiff_t>(blur_radius + around);
  cells.read(static_cast<std::ptrdiff_t>(y) - reach, static_cast<std::ptrdiff_t>(x) - reach, width, width,
             block.data());
  std::array<std::array<float, pitch>, 2 * around + 1> columns;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    for (std::size_t j = 0; j < width; ++j) {
      const float* middle = &block[(i + blur_radius) * width + j];
      float sum = blur_weights[0] * *middle;
      for (std::size_t k = 1; k <= blur_radius; ++k) {
        sum += blur_weights[k] * (*(middle - k * width) + *(middle + k * width));
      }
      columns[i][j] = sum;
    }
  }
  const auto blurred = [&columns](std::ptrdiff_t dy, std::ptrdiff_t dx) {
    const float* middle = &columns[static_cast<std::size_t>(dy + 2)][static_cast<std::size_t>(dx + reach)];
    float sum = blur_weights[0] * *middle;
    for (std::size_t k = 1; k <= blur_radius; ++k) sum += blur_weights[k] * (*(middle - k) + *(middle + k));
    return sum;
  };
  // The thirteen values of the step: centre, one and two to each side, the four diagonals.
  enum : std::size_t { centre, left, right, up, down, left2, right2, up2, down2, up_left, up_right, down_left, down_right };
  std::array<float, 13> values = {blurred(0, 0),  blurred(0, -1), blurred(0, 1),   blurred(-1, 0), blurred(1, 0),
                                  blurred(0, -2), blurred(0, 2),  blurred(-2, 0),  blurred(2, 0),  blurred(-1, -1),
                                  blurred(-1, 1), blurred(1, -1), blurred(1, 1)};
  // The definition scales the blurred map to the old peak and cuts it off at 1e-10 before the logarithm. The scale is
  // at least 1 and drops out of the differences unless something is cut off, so only then the whole map is blurred.
  constexpr float smallest = 1e-10F;
  if (!std::all_of(values.begin(), values.end(), [](float value) { return value >= smallest; })) {
    const float scale = peak / blurred_maximum(cells);
    for (float& value : values) {
      value *= scale;
      if (value < smallest) value = smallest;
    }
  }
  std::array<double, 13> logs;
  for (std::size_t i = 0; i < logs.size(); ++i) {
    if (!std::isfinite(values[i])) return cell;
    logs[i] = log_positive(values[i]);
  }
  const double dx = 0.5 * (logs[right] - logs[left]);
  const double dy = 0.5 * (logs[down] - logs[up]);
  const double dxx = 0.25 * (logs[right2] - 2.0 * logs[centre] + logs[left2]);
  const double dyy = 0.25 * (logs[down2] - 2.0 * logs[centre] + logs[up2]);
  const double dxy = 0.25 * (logs[down_right] - logs[up_right] - logs[down_left] + logs[up_left]);
  const double determinant = dxx * dyy - dxy * dxy;
  const auto step_x = static_cast<float>(-(dyy * dx - dxy * dy) / determinant);
  const auto step_y = static_cast<float>(-(dxx * dy - dxy * dx) / determinant);
  if (!std::isfinite(step_x) || !std::isfinite(step_y)) return cell;
  return {cell.x + step_x, cell.y + step_y};
}

}  // namespace

Point refine(Method method, const Cells& cells, std::size_t x, std::size_t y, float score) {
  const Point cell = {static_cast<float>(x), static_cast<float>(y)};
  const bool inner_x = x > 1 && x + 1 < cells.width;
  const bool inner_y = y > 1 && y + 1 < cells.height;
  switch (method) {
    case Method::softargmax:
      return softargmax(cells, x, y, score);
    case Method::parabola:
      return parabola(cells, x, y);
    default:
      break;
  }
  if (!(score > 0.0F)) return {-1.0F, -1.0F};
  switch (method) {
    case Method::quarter:
      return quarter(cells, x, y, inner_x && y > 0, inner_y && x > 0);
    case Method::quarter_0x:
      return quarter(cells, x, y, inner_x && inner_y, inner_x && inner_y);
    case Method::taylor:
      return taylor(cells, x, y, score);
    default:
      return cell;
  }
}

}  // namespace edgehand
