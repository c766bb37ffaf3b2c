#include <arm_neon.h>

#include "core/kernels/vector_search.h"

namespace edgehand {
namespace {

struct Neon {
  static constexpr std::size_t bytes = 16;

  static VectorOf<float, bytes>::type widen(const Half* data) {
    float16x4_t halves;
    std::memcpy(&halves, data, sizeof halves);
    return vcvt_f32_f16(halves);
  }

  // Not vmaxnmq_f32: that turns a signalling NaN into a quiet one.
  static float32x4_t max(float32x4_t value, float32x4_t largest) {
    return vbslq_f32(vcgtq_f32(value, largest), value, largest);
  }

  template <class Lane>
  static constexpr std::size_t bits_per_lane = 4 * sizeof(Lane);

  template <class Vector>
  static std::uint64_t equal(Vector a, Vector b) {
    return vget_lane_u64(vreinterpret_u64_u8(vshrn_n_u16((uint16x8_t)(a == b), 4)), 0);
  }
};

}  // namespace

const Kernel neon_kernel = {
    "neon",
    [] { return true; },  // every arm64 CPU has it
    vector_search<Neon, Neon, float>(),
    vector_search<Neon, Neon, Half>(),
    vector_search<Neon, Neon, std::int8_t>(),
    vector_search<Neon, Neon, std::uint8_t>(),
};

}  // namespace edgehand
