#include "core/crop.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "core/bilinear.h"

namespace edgehand {
namespace {

constexpr int accumulator_bits = 10;

std::int32_t to_accumulator(double value) {
  return static_cast<std::int32_t>(std::nearbyint(value * (1 << accumulator_bits)));
}

// Image coordinates of a patch, row by row, in 1/32 pixel: accumulated with 10 fractional bits and rounded to 5,
// as OpenCV's classic warpAffine does.
class Coordinates {
 public:
  Coordinates(const Affine& affine, std::size_t size)
      : x(size), y(size), affine_(affine), steps_x_(size), steps_y_(size) {
    for (std::size_t i = 0; i < size; ++i) {
      steps_x_[i] = to_accumulator(affine.m[0] * static_cast<double>(i));
      steps_y_[i] = to_accumulator(affine.m[3] * static_cast<double>(i));
    }
  }

  void move_to(std::size_t row) {
    constexpr int shift = accumulator_bits - fraction_bits;
    constexpr std::int32_t half = 1 << (shift - 1);
    const std::int32_t start_x = to_accumulator(affine_.m[1] * static_cast<double>(row) + affine_.m[2]) + half;
    const std::int32_t start_y = to_accumulator(affine_.m[4] * static_cast<double>(row) + affine_.m[5]) + half;
    for (std::size_t i = 0; i < x.size(); ++i) {
      x[i] = (start_x + steps_x_[i]) >> shift;
      y[i] = (start_y + steps_y_[i]) >> shift;
    }
  }

  std::vector<std::int32_t> x, y;

 private:
  Affine affine_;
  std::vector<std::int32_t> steps_x_, steps_y_;
};

// One row of the patch, four bytes a pixel.
void sample_row(const Image& image, const Coordinates& at, std::uint8_t* row) {
  for (std::size_t i = 0; i < at.x.size(); ++i) sample(image, at.x[i], at.y[i], row + 4 * i);
}

template <int pixel_stride>
void sample_packed_row(const Image& image, const Coordinates& at, std::uint8_t* row) {
  for (std::size_t i = 0; i < at.x.size(); ++i) {
    const std::int32_t x = at.x[i];
    const std::int32_t y = at.y[i];
    const std::ptrdiff_t left = x >> fraction_bits;
    const std::ptrdiff_t top = y >> fraction_bits;
    // Eight bytes are read: up to the third pixel.
    if (left >= 0 && left + 2 < image.width && top >= 0 && top + 1 < image.height) {
      const std::uint8_t* upper = image.data + top * image.row_stride + left * pixel_stride;
      sample_inside<pixel_stride>(upper, upper + image.row_stride, x & fraction_mask, y & fraction_mask, row + 4 * i);
    } else {
      sample(image, x, y, row + 4 * i);
    }
  }
}

// Where each channel of the input lies in a sampled pixel.
using Order = std::size_t[3];

template <class T>
void sample_patch(const Image& image, const Affine& affine, std::size_t size, const Order& order, const Input& input) {
  Coordinates coordinates(affine, size);
  std::vector<std::uint8_t> row(4 * size);
  const bool packed = image.channel_stride == 1;
  for (std::size_t y = 0; y < size; ++y) {
    coordinates.move_to(y);
    if (packed && image.pixel_stride == 3) {
      sample_packed_row<3>(image, coordinates, row.data());
    } else if (packed && image.pixel_stride == 4) {
      sample_packed_row<4>(image, coordinates, row.data());
    } else {
      sample_row(image, coordinates, row.data());
    }
    for (std::size_t channel = 0; channel < 3; ++channel) {
      const T* table = static_cast<const T*>(input.table) + 256 * channel;
      const std::uint8_t* values = row.data() + order[channel];
      T* out = static_cast<T*>(input.data);
      if (input.interleaved) {
        out += y * size * 3 + channel;
        for (std::size_t x = 0; x < size; ++x) out[3 * x] = table[values[4 * x]];
      } else {
        out += (channel * size + y) * size;
        for (std::size_t x = 0; x < size; ++x) out[x] = table[values[4 * x]];
      }
    }
  }
}

void sample_patch(const Image& image, const Affine& affine, std::size_t size, const Order& order, const Input& input) {
  switch (input.type) {
    case InputType::float32:
      return sample_patch<float>(image, affine, size, order, input);
    case InputType::int8:
      return sample_patch<std::int8_t>(image, affine, size, order, input);
    case InputType::uint8:
      return sample_patch<std::uint8_t>(image, affine, size, order, input);
  }
}

struct Range {
  double low, high;
};

// Smallest and largest value of a x + b y + c for x and y in 0 .. size.
Range range(const double* abc, std::size_t size) {
  const auto end = static_cast<double>(size);
  return {std::min(abc[0] * end, 0.0) + std::min(abc[1] * end, 0.0) + abc[2],
          std::max(abc[0] * end, 0.0) + std::max(abc[1] * end, 0.0) + abc[2]};
}

// Blocks of factor x factor pixels that a patch needs, averaged; the first is at (left, top), counted in blocks.
struct Blocks {
  std::vector<std::uint8_t> pixels;
  std::ptrdiff_t left, top, width, height;
};

// Pixels `left` to `right` of a row, packed; `buffer` holds them if they do not lie so.
const std::uint8_t* packed_row(const Image& image, std::ptrdiff_t y, std::ptrdiff_t left, std::ptrdiff_t right,
                               std::vector<std::uint8_t>& buffer) {
  const std::uint8_t* row = image.data + y * image.row_stride;
  if (image.channel_stride == 1 && image.pixel_stride == 3) return row + 3 * left;
  buffer.resize(static_cast<std::size_t>(3 * (right - left)));
  std::uint8_t* out = buffer.data();
  for (std::ptrdiff_t x = left; x < right; ++x) {
    for (std::ptrdiff_t channel = 0; channel < 3; ++channel) {
      *out++ = row[x * image.pixel_stride + channel * image.channel_stride];
    }
  }
  return buffer.data();
}

// Sums columns of a row of blocks in `Sum`, then across. Frequent factors are constants: twice as quick.
template <class Sum, std::ptrdiff_t constant_factor>
void fill(const Image& image, std::ptrdiff_t any_factor, Blocks& blocks) {
  const std::ptrdiff_t factor = constant_factor != 0 ? constant_factor : any_factor;
  const std::ptrdiff_t left = blocks.left * factor;
  const std::ptrdiff_t right = std::min((blocks.left + blocks.width) * factor, image.width);
  const auto bytes = static_cast<std::size_t>(3 * (right - left));
  const std::uint64_t area = static_cast<std::uint64_t>(factor) * static_cast<std::uint64_t>(factor);
  // floor(sum / area) as a product: exact while 256 area^2 < 2^32, that is for factors below 64.
  const std::uint64_t reciprocal = (std::uint64_t{1} << 32) / area + 1;
  std::vector<std::uint8_t> buffer;
  std::vector<Sum> columns(static_cast<std::size_t>(3 * blocks.width * factor));
  std::uint8_t* out = blocks.pixels.data();
  for (std::ptrdiff_t block = blocks.top; block < blocks.top + blocks.height; ++block) {
    std::fill(columns.begin(), columns.end(), Sum{0});
    for (std::ptrdiff_t row = block * factor; row < std::min((block + 1) * factor, image.height); ++row) {
      const std::uint8_t* values = packed_row(image, row, left, right, buffer);
      for (std::size_t i = 0; i < bytes; ++i) columns[i] = static_cast<Sum>(columns[i] + values[i]);
    }
    const Sum* sums = columns.data();
    for (std::ptrdiff_t x = 0; x < blocks.width; ++x, sums += 3 * factor) {
      for (std::ptrdiff_t channel = 0; channel < 3; ++channel) {
        std::uint64_t sum = area / 2;
        for (std::ptrdiff_t i = 0; i < factor; ++i) sum += sums[3 * i + channel];
        *out++ = static_cast<std::uint8_t>(sizeof(Sum) == 2 ? (sum * reciprocal) >> 32 : sum / area);
      }
    }
  }
}

Blocks average(const Image& image, std::ptrdiff_t factor, const Range& x, const Range& y) {
  // One block more on each side for the rounding of coordinates, one for the neighbour on the right or below.
  const auto first = [](const Range& r) {
    return std::max<std::ptrdiff_t>(static_cast<std::ptrdiff_t>(std::floor(r.low)) - 1, 0);
  };
  const auto end = [factor](const Range& r, std::ptrdiff_t extent) {
    return std::min(static_cast<std::ptrdiff_t>(std::floor(r.high)) + 3, (extent + factor - 1) / factor);
  };
  Blocks blocks = {{}, first(x), first(y), 0, 0};
  blocks.width = std::max<std::ptrdiff_t>(end(x, image.width) - blocks.left, 0);
  blocks.height = std::max<std::ptrdiff_t>(end(y, image.height) - blocks.top, 0);
  blocks.pixels.resize(static_cast<std::size_t>(3 * blocks.width * blocks.height));
  if (blocks.pixels.empty()) return blocks;

  if (factor == 2) {
    fill<std::uint16_t, 2>(image, factor, blocks);
  } else if (factor == 3) {
    fill<std::uint16_t, 3>(image, factor, blocks);
  } else if (factor < 64) {
    fill<std::uint16_t, 0>(image, factor, blocks);
  } else {
    fill<std::uint32_t, 0>(image, factor, blocks);
  }
  return blocks;
}

}  // namespace

bool within_reach(const Affine& affine, std::size_t size) {
  for (const std::size_t row : {0, 3}) {
    const Range reach = range(affine.m + row, size);
    if (!(reach.low >= -farthest_coordinate && reach.high <= farthest_coordinate)) return false;
  }
  return true;
}

void crop(Image image, const Affine& affine, std::size_t size, bool antialias, const Input& input) {
  Order order = {0, 1, 2};
  if (image.channel_stride == -1) {  // BGR seen as RGB: read as it lies
    image.data -= 2;
    image.channel_stride = 1;
    std::swap(order[0], order[2]);
  }
  const double* m = affine.m;
  const auto factor = static_cast<std::ptrdiff_t>(std::floor(std::sqrt(std::fabs(m[0] * m[4] - m[1] * m[3]))));
  if (!antialias || factor < 2) return sample_patch(image, affine, size, order, input);

  // Block i is the mean of pixels f i .. f i + f - 1, so its centre is at pixel f i + (f - 1) / 2.
  const auto f = static_cast<double>(factor);
  const double shift = (f - 1.0) / 2.0;
  Affine to_blocks = {{m[0] / f, m[1] / f, (m[2] - shift) / f, m[3] / f, m[4] / f, (m[5] - shift) / f}};
  const Blocks blocks = average(image, factor, range(to_blocks.m, size), range(to_blocks.m + 3, size));
  to_blocks.m[2] -= static_cast<double>(blocks.left);
  to_blocks.m[5] -= static_cast<double>(blocks.top);
  const Image averaged = {blocks.pixels.data(), blocks.height, blocks.width, blocks.width * 3, 3, 1};
  sample_patch(averaged, to_blocks, size, order, input);
}

}  // namespace edgehand
