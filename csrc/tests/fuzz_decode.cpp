// Holds all kernels that run here against the scalar one, to the bit, on random heatmaps.
//
//   fuzz_decode [cases] [seed]
//
// A finding prints the seed that makes it and ends with 1. The checksum of all results is the same on every CPU.

#include <cinttypes>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <vector>

#include "core/decode.h"
#include "core/kernels/kernel.h"
#include "tests/random.h"

namespace {

using namespace edgehand;

std::size_t item_size(Type type) { return type == Type::float32 ? 4 : type == Type::float16 ? 2 : 1; }

// Mostly few different values, so that there are ties; sometimes all the bit patterns there are.
void fill(Random& random, Type type, unsigned char* data, std::size_t count) {
  const std::size_t style = random.below(8);
  const std::size_t levels = std::size_t{1} << random.below(9);
  const auto centre = static_cast<std::int32_t>(random.below(levels));
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t bits = random.bits();
    const auto level = static_cast<std::int32_t>((bits >> 32) % levels) - centre;
    if (type == Type::float32) {
      float value = static_cast<float>(level) * 0.25F;
      if (style == 0) std::memcpy(&value, &bits, sizeof value);
      if (style == 1 && bits % 4 == 0) value = std::numeric_limits<float>::quiet_NaN();
      if (style == 2 && bits % 16 == 0) value = bits & 64 ? INFINITY : -INFINITY;
      if (style == 3) value = bits % 3 == 0 ? -INFINITY : std::numeric_limits<float>::signaling_NaN();
      if (style == 4) value *= 1e-39F;
      if (style == 5) value = bits & 64 ? 0.0F : -0.0F;
      std::memcpy(data + i * 4, &value, sizeof value);
    } else if (type == Type::float16) {
      auto half = static_cast<std::uint16_t>(0x3C00 + level);
      if (style == 0) half = static_cast<std::uint16_t>(bits);
      if (style == 1 && bits % 4 == 0) half = 0x7E01;
      if (style == 2 && bits % 16 == 0) half = bits & 64 ? 0x7C00 : 0xFC00;
      if (style == 3) half = bits % 3 == 0 ? 0xFC00 : 0x7C01;
      if (style == 4) half = static_cast<std::uint16_t>(bits & 0x83FF);
      if (style == 5) half = bits & 64 ? 0x0000 : 0x8000;
      std::memcpy(data + i * 2, &half, sizeof half);
    } else {
      data[i] = static_cast<unsigned char>(style == 0 ? bits : static_cast<std::uint64_t>(level));
      if (style == 1) data[i] = type == Type::int8 ? 0x80 : 0;
      if (style == 2) data[i] = bits % 8 == 0 ? 0x7F : 0x80;
    }
  }
}

// Heatmaps in a block of exactly their size, so that a sanitizer sees every byte read too many.
struct Block {
  std::unique_ptr<unsigned char[]> bytes;
  Heatmaps heatmaps;
};

Block make(Random& random, Heatmaps shape, std::size_t gap) {
  const std::size_t map = shape.height * shape.width;
  const std::size_t image = map * shape.keypoints;
  shape.keypoint_stride = static_cast<std::ptrdiff_t>(shape.interleaved ? 1 : map + gap);
  shape.batch_stride = static_cast<std::ptrdiff_t>(
      shape.interleaved ? image + gap : static_cast<std::size_t>(shape.keypoint_stride) * shape.keypoints);
  const std::size_t gaps = shape.interleaved ? shape.batch - 1 : shape.batch * shape.keypoints - 1;
  const std::size_t count = image * shape.batch + gaps * gap;
  Block block = {std::make_unique<unsigned char[]>(count * item_size(shape.type)), shape};
  fill(random, shape.type, block.bytes.get(), count);
  block.heatmaps.data = block.bytes.get();
  if (random.below(8) == 0) {  // the last image first
    block.heatmaps.data =
        block.bytes.get() + static_cast<std::size_t>(shape.batch_stride) * (shape.batch - 1) * item_size(shape.type);
    block.heatmaps.batch_stride = -shape.batch_stride;
  }
  return block;
}

bool agrees(std::uint64_t seed, Checksum& checksum) {
  Random random(seed);
  const auto extent = [&random] {
    const std::size_t limits[] = {4, 12, 40, 80};
    return 1 + random.below(limits[random.below(16) < 8 ? 0 : random.below(16) < 12 ? 1 : random.below(4)]);
  };
  Heatmaps shape = {};
  shape.type = static_cast<Type>(random.below(4));
  shape.interleaved = random.below(2) == 1;
  shape.batch = 1 + random.below(2);
  shape.keypoints = random.below(4) == 0 ? 21 : 1 + random.below(random.below(8) == 0 ? 140 : 6);
  shape.height = extent();
  shape.width = extent();
  const std::size_t gap = random.below(4) == 0 ? random.below(5) : 0;
  const Block first = make(random, shape, gap);
  const Block second = make(random, shape, 0);
  const bool with_flip = random.below(3) == 0;
  const bool flip_shift = with_flip && random.below(2) == 1;
  const auto method = static_cast<Method>(random.below(7));
  Quantization quantization = {};
  if (item_size(shape.type) == 1) quantization = {0.05F, static_cast<std::int32_t>(random.below(100))};

  const std::size_t count = shape.batch * shape.keypoints;
  std::vector<float> expected(3 * count);
  std::vector<float> found(3 * count);
  const auto run = [&](const Kernel& kernel, std::vector<float>& out) {
    decode(first.heatmaps, with_flip ? &second.heatmaps : nullptr, flip_shift, method, quantization, kernel,
           out.data(), out.data() + 2 * count);
  };
  run(scalar_kernel, expected);
  checksum.add(expected.data(), expected.size() * sizeof(float));
  for (const Kernel* kernel : compiled_kernels()) {
    if (kernel == &scalar_kernel || !kernel->runs_here()) continue;
    run(*kernel, found);
    if (std::memcmp(found.data(), expected.data(), found.size() * sizeof(float)) == 0) continue;
    for (std::size_t i = 0; i < count; ++i) {
      const float* e = &expected[2 * i];
      const float* f = &found[2 * i];
      if (std::memcmp(e, f, 8) == 0 && std::memcmp(&expected[2 * count + i], &found[2 * count + i], 4) == 0) continue;
      std::printf("seed %" PRIu64 ": %s gives (%g, %g) %g, scalar (%g, %g) %g; type %d, %s, %zu x %zu x %zu x %zu, "
                  "flip %d shift %d, method %d, map %zu\n",
                  seed, kernel->name, static_cast<double>(f[0]), static_cast<double>(f[1]),
                  static_cast<double>(found[2 * count + i]), static_cast<double>(e[0]), static_cast<double>(e[1]),
                  static_cast<double>(expected[2 * count + i]), static_cast<int>(shape.type),
                  shape.interleaved ? "NHWC" : "NCHW", shape.batch, shape.keypoints, shape.height, shape.width,
                  with_flip, flip_shift, static_cast<int>(method), i);
      return false;
    }
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
  std::printf("%" PRIu64 " cases from seed %" PRIu64 ":", cases, seed);
  for (const Kernel* kernel : compiled_kernels()) {
    if (kernel->runs_here()) std::printf(" %s", kernel->name);
  }
  std::printf(" agree\nchecksum %016" PRIx64 "\n", checksum.value());
  return 0;
}
