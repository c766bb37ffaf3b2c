// Holds the fast paths of the crop against its definition, to the bit: the same picture in several memory layouts,
// of which one is sampled pixel by pixel.
//
//   fuzz_crop [cases] [seed]

#include <cinttypes>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "core/crop.h"
#include "tests/random.h"

namespace {

using namespace edgehand;

struct Layout {
  const char* name;
  std::ptrdiff_t pixel_stride, channel_stride;
};

// RGB, RGBA, BGR, BGRA, and one that no fast path takes.
constexpr Layout layouts[] = {{"RGB", 3, 1}, {"RGBA", 4, 1}, {"BGR", 3, -1}, {"BGRA", 4, -1}, {"spread", 7, 2}};
constexpr std::size_t definition = 4;

// A picture in a block of exactly its size, so that a sanitizer sees every byte read too many.
struct Picture {
  std::unique_ptr<std::uint8_t[]> bytes;
  Image image;
};

Picture make(const std::vector<std::uint8_t>& rgb, std::ptrdiff_t height, std::ptrdiff_t width, const Layout& layout,
             bool upside_down) {
  const std::ptrdiff_t span = 2 * std::abs(layout.channel_stride) + 1;  // of a pixel
  const std::ptrdiff_t row = (width - 1) * layout.pixel_stride + span;
  Picture picture = {std::make_unique<std::uint8_t[]>(static_cast<std::size_t>(row * height)), {}};
  std::uint8_t* first = picture.bytes.get();
  if (layout.channel_stride < 0) first += 2;
  if (upside_down) first += row * (height - 1);
  const std::ptrdiff_t row_stride = upside_down ? -row : row;
  for (std::ptrdiff_t y = 0; y < height; ++y) {
    for (std::ptrdiff_t x = 0; x < width; ++x) {
      for (std::ptrdiff_t c = 0; c < 3; ++c) {
        first[y * row_stride + x * layout.pixel_stride + c * layout.channel_stride] =
            rgb[static_cast<std::size_t>((y * width + x) * 3 + c)];
      }
    }
  }
  picture.image = {first, height, width, row_stride, layout.pixel_stride, layout.channel_stride};
  return picture;
}

bool agrees(std::uint64_t seed, Checksum& checksum) {
  Random random(seed);
  const auto height = static_cast<std::ptrdiff_t>(1 + random.below(40));
  const auto width = static_cast<std::ptrdiff_t>(1 + random.below(40));
  std::vector<std::uint8_t> rgb(static_cast<std::size_t>(height * width * 3));
  for (auto& value : rgb) value = static_cast<std::uint8_t>(random.bits());
  const std::size_t size = 1 + random.below(24);
  Affine affine;
  const double scale = std::exp((random.uniform() - 0.5) * 6.0);
  for (double& m : affine.m) m = (random.uniform() - 0.5) * 2.0 * scale;
  affine.m[2] = (random.uniform() * 1.5 - 0.25) * static_cast<double>(width);
  affine.m[5] = (random.uniform() * 1.5 - 0.25) * static_cast<double>(height);
  if (random.below(2) == 0) affine.m[1] = affine.m[3] = 0.0;
  if (random.below(4) == 0) affine.m[2] = std::floor(affine.m[2]);
  if (random.below(64) == 0) affine.m[random.below(6)] *= 1e5;
  if (!within_reach(affine, size)) return true;

  const bool antialias = random.below(2) == 0;
  const auto type = static_cast<InputType>(random.below(3));
  const std::size_t item = type == InputType::float32 ? 4 : 1;
  std::vector<std::uint8_t> table(3 * 256 * item);
  for (auto& value : table) value = static_cast<std::uint8_t>(random.bits());
  const bool interleaved = random.below(2) == 0;
  const bool upside_down = random.below(4) == 0;
  const auto run = [&](const Layout& layout) {
    const Picture picture = make(rgb, height, width, layout, upside_down);
    std::vector<std::uint8_t> out(size * size * 3 * item);
    crop(picture.image, affine, size, antialias, {type, interleaved, table.data(), out.data()});
    return out;
  };
  const std::vector<std::uint8_t> expected = run(layouts[definition]);
  checksum.add(expected.data(), expected.size());
  for (std::size_t i = 0; i < definition; ++i) {
    if (run(layouts[i]) == expected) continue;
    std::printf("seed %" PRIu64 ": %s differs; %td x %td, size %zu, antialias %d\n", seed, layouts[i].name, height,
                width, size, antialias);
    return false;
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t cases = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 20000;
  const std::uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
  Checksum checksum;
  for (std::uint64_t i = 0; i < cases; ++i) {
    if (!agrees(seed + i, checksum)) return 1;
  }
  std::printf("%" PRIu64 " cases from seed %" PRIu64 " agree\nchecksum %016" PRIx64 "\n", cases, seed, checksum.value());
  return 0;
}
