// Times decode against reading the same bytes, in one process; prints one JSON object a line.
//
//   bench_core [rounds]
//
// Each figure is the least of `rounds` timings, reading and decoding by turns, so that other load on the
// machine does as little as possible to their ratio.

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <limits>
#include <string>
#include <vector>

#include "core/decode.h"
#include "core/kernels/kernel.h"
#include "tests/random.h"

namespace {

using namespace edgehand;

typedef std::uint64_t Words __attribute__((vector_size(64)));

// Reads `size` bytes, a multiple of 512, and does as little as possible with them.
#if defined(EDGEHAND_X86)
#define READ_TARGETS __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define READ_TARGETS
#endif
READ_TARGETS std::uint64_t read(const unsigned char* data, std::size_t size) {
  Words sums[8] = {};
  for (std::size_t i = 0; i < size; i += sizeof sums) {
    for (std::size_t j = 0; j < 8; ++j) {
      Words words;
      std::memcpy(&words, data + i + j * sizeof words, sizeof words);
      sums[j] |= words;
    }
  }
  std::uint64_t result = 0;
  for (const Words& sum : sums) {
    for (std::size_t i = 0; i < 8; ++i) result |= sum[i];
  }
  return result;
}

std::uint64_t sink = 0;

template <class Work>
double nanoseconds(std::size_t calls, const Work& work) {
  const auto start = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < calls; ++i) work(i);
  const std::chrono::duration<double, std::nano> elapsed = std::chrono::steady_clock::now() - start;
  return elapsed.count() / static_cast<double>(calls);
}

// Smooth bumps with noise, as a network gives them.
void fill(std::vector<unsigned char>& data, Type type, bool interleaved, std::size_t maps, std::size_t keypoints,
          std::size_t side) {
  Random random(1);
  for (std::size_t map = 0; map < maps; ++map) {
    const double cx = random.uniform() * static_cast<double>(side);
    const double cy = random.uniform() * static_cast<double>(side);
    for (std::size_t cell = 0; cell < side * side; ++cell) {
      const double x = static_cast<double>(cell % side) - cx;
      const double y = static_cast<double>(cell / side) - cy;
      const double r2 = (x * x + y * y) / 8.0;
      const double value = 0.05 * random.uniform() + 0.9 / (1.0 + r2 + r2 * r2);
      const std::size_t image = map / keypoints;
      const std::size_t keypoint = map % keypoints;
      const std::size_t index = interleaved ? (image * side * side + cell) * keypoints + keypoint
                                            : map * side * side + cell;
      if (type == Type::float32) {
        const auto sample = static_cast<float>(value);
        std::memcpy(&data[index * sizeof sample], &sample, sizeof sample);
      } else {
        data[index] = static_cast<unsigned char>(static_cast<int>(value * 255.0) - 128);
      }
    }
  }
}

void measure(Type type, bool interleaved, std::size_t batch, std::size_t side, bool streaming, std::size_t rounds) {
  constexpr std::size_t keypoints = 21;
  const std::size_t item = type == Type::float32 ? 4 : 1;
  const std::size_t size = batch * keypoints * side * side * item;
  // Streaming goes through far more than the last-level cache holds.
  const std::size_t copies = streaming ? (std::size_t{192} << 20) / size : 1;
  std::vector<unsigned char> one(size);
  fill(one, type, interleaved, batch * keypoints, keypoints, side);
  // Engines align their tensors to cache lines; every size here is a multiple of 64.
  std::vector<unsigned char> buffer(copies * size + 512 + 64);
  unsigned char* data = buffer.data() + (64 - reinterpret_cast<std::uintptr_t>(buffer.data()) % 64);
  for (std::size_t i = 0; i < copies; ++i) std::memcpy(&data[i * size], one.data(), size);
  std::vector<float> points(batch * keypoints * 2);
  std::vector<float> scores(batch * keypoints);

  const std::size_t calls = streaming ? copies : 1 + 2000000 / size;
  struct Case {
    const char* name;
    Method method;
    double best = std::numeric_limits<double>::infinity();
  };
  Case cases[] = {{"argmax", Method::argmax},       {"quarter", Method::quarter},
                  {"taylor", Method::taylor},       {"parabola", Method::parabola},
                  {"softargmax", Method::softargmax}};
  double floor = std::numeric_limits<double>::infinity();
  for (std::size_t round = 0; round < rounds; ++round) {
    const double reading = nanoseconds(calls, [&](std::size_t i) {
      sink += read(&data[i % copies * size], (size + 511) / 512 * 512);
    });
    floor = reading < floor ? reading : floor;
    for (Case& one_case : cases) {
      const double decoding = nanoseconds(calls, [&](std::size_t i) {
        Heatmaps maps = {type, interleaved, batch, keypoints, side, side, &data[i % copies * size], 0, 0};
        maps.batch_stride = static_cast<std::ptrdiff_t>(keypoints * side * side);
        maps.keypoint_stride = interleaved ? 1 : static_cast<std::ptrdiff_t>(side * side);
        decode(maps, nullptr, false, one_case.method, {item == 4 ? 1.0F : 1.0F / 255, item == 4 ? 0 : -128},
               active_kernel(), points.data(), scores.data());
      });
      one_case.best = decoding < one_case.best ? decoding : one_case.best;
    }
  }
  std::printf(
      "{\"kernel\": \"%s\", \"dtype\": \"%s\", \"layout\": \"%s\", \"side\": %zu, \"batch\": %zu, \"memory\": \"%s\", "
      "\"bytes\": %zu, \"read\": %.1f",
      active_kernel().name, item == 4 ? "float32" : "int8", interleaved ? "NHWC" : "NCHW", side, batch,
      streaming ? "streaming" : "cached", size, floor);
  for (const Case& one_case : cases) std::printf(", \"%s\": %.1f", one_case.name, one_case.best);
  std::printf("}\n");
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t rounds = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 40;
  for (const Type type : {Type::float32, Type::int8}) {
    for (const bool interleaved : {false, true}) {
      for (const std::size_t side : {64, 48}) {
        for (const std::size_t batch : {1, 16}) measure(type, interleaved, batch, side, false, rounds);
        measure(type, interleaved, 1, side, true, rounds / 8 + 1);
      }
    }
  }
  return sink == 1;  // so that reading is not optimized away
}
