#include <cpuid.h>
#include <immintrin.h>

#include "core/kernels/vector_search.h"

namespace edgehand {
namespace {

struct Avx2 {
  static constexpr std::size_t bytes = 32;

  static VectorOf<float, bytes>::type widen(const Half* data) {
    __m128i halves;
    std::memcpy(&halves, data, sizeof halves);
    return _mm256_cvtph_ps(halves);
  }

  static __m256 max(__m256 value, __m256 largest) { return _mm256_max_ps(value, largest); }

  template <class Lane>
  static constexpr std::size_t bits_per_lane = sizeof(Lane) == 2 ? 2 : 1;

  static std::uint64_t equal(__m256 a, __m256 b) {
    return static_cast<std::uint32_t>(_mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_EQ_OQ)));
  }
  template <class Vector>
  static std::uint64_t equal(Vector a, Vector b) {
    return static_cast<std::uint32_t>(_mm256_movemask_epi8((__m256i)(a == b)));
  }
};

bool runs_here() {
  unsigned int a = 0;
  unsigned int b = 0;
  unsigned int c = 0;
  unsigned int d = 0;
  return __builtin_cpu_supports("avx2") && __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
}

}  // namespace

const Kernel avx2_kernel = {
    "avx2",
    runs_here,
    vector_search<Avx2, Avx2, float>(),
    vector_search<Avx2, Avx2, Half>(),
    vector_search<Avx2, Avx2, std::int8_t>(),
    vector_search<Avx2, Avx2, std::uint8_t>(),
};

}  // namespace edgehand
