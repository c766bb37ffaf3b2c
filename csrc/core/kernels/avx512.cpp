#include <immintrin.h>

#include "core/kernels/vector_search.h"

namespace edgehand {
namespace {

struct Avx512 {
  static constexpr std::size_t bytes = 64;

  static VectorOf<float, bytes>::type widen(const Half* data) {
    __m256i halves;
    std::memcpy(&halves, data, sizeof halves);
    return _mm512_maskz_cvtph_ps(0xFFFF, halves);  // the plain one warns in GCC 12
  }

  static __m512 max(__m512 value, __m512 largest) { return _mm512_maskz_max_ps(0xFFFF, value, largest); }

  template <class Lane>
  static constexpr std::size_t bits_per_lane = 1;

  static std::uint64_t equal(__m512 a, __m512 b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
  template <class Vector>
  static std::uint64_t equal(Vector a, Vector b) {
    if constexpr (sizeof(a[0]) == 1) return _mm512_cmpeq_epi8_mask((__m512i)a, (__m512i)b);
    return _mm512_cmpeq_epi16_mask((__m512i)a, (__m512i)b);
  }
};

// Interleaved maps start at any address: half-size vectors cross fewer cache lines.
struct Avx512Half {
  static constexpr std::size_t bytes = 32;

  static VectorOf<float, bytes>::type widen(const Half* data) {
    __m128i halves;
    std::memcpy(&halves, data, sizeof halves);
    return _mm256_cvtph_ps(halves);
  }

  static __m256 max(__m256 value, __m256 largest) { return _mm256_max_ps(value, largest); }
};

bool runs_here() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

}  // namespace

const Kernel avx512_kernel = {
    "avx512",
    runs_here,
    vector_search<Avx512, Avx512Half, float>(),
    vector_search<Avx512, Avx512Half, Half>(),
    vector_search<Avx512, Avx512Half, std::int8_t>(),
    vector_search<Avx512, Avx512Half, std::uint8_t>(),
};

}  // namespace edgehand
