// Bilinear value of three neighbouring 8-bit channels, in fixed point.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "core/crop.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace edgehand {

// Coordinates are in 1/32 pixel, so the four weights sum to 1024.
inline constexpr int fraction_bits = 5;
inline constexpr std::int32_t fraction_one = 1 << fraction_bits;
inline constexpr std::int32_t fraction_mask = fraction_one - 1;

// The definition: any strides, zeros around the image. Writes three values.
inline void sample(const Image& image, std::int32_t x, std::int32_t y, std::uint8_t* values) {
  const std::ptrdiff_t left = x >> fraction_bits;
  const std::ptrdiff_t top = y >> fraction_bits;
  const std::int32_t fx = x & fraction_mask;
  const std::int32_t fy = y & fraction_mask;
  const std::int32_t weights[4] = {(fraction_one - fy) * (fraction_one - fx), (fraction_one - fy) * fx,
                                   fy * (fraction_one - fx), fy * fx};
  std::int32_t sums[3] = {512, 512, 512};  // rounds
  for (std::ptrdiff_t corner = 0; corner < 4; ++corner) {
    const std::ptrdiff_t column = left + corner % 2;
    const std::ptrdiff_t row = top + corner / 2;
    if (column < 0 || column >= image.width || row < 0 || row >= image.height) continue;
    const std::uint8_t* pixel = image.data + row * image.row_stride + column * image.pixel_stride;
    for (std::ptrdiff_t channel = 0; channel < 3; ++channel) {
      sums[channel] += weights[corner] * pixel[channel * image.channel_stride];
    }
  }
  for (std::size_t channel = 0; channel < 3; ++channel) {
    values[channel] = static_cast<std::uint8_t>(sums[channel] >> (2 * fraction_bits));
  }
}

// The same where the four pixels lie inside and a pixel's channels side by side, `pixel_stride` (3 or 4) bytes a
// pixel: eight bytes are read from each row and four written, the last of no meaning.
template <int pixel_stride>
inline void sample_inside(const std::uint8_t* upper, const std::uint8_t* lower, std::int32_t fx, std::int32_t fy,
                          std::uint8_t* values) {
#if defined(__SSE2__)
  const auto load = [](const std::uint8_t* bytes) {
    return _mm_unpacklo_epi8(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(bytes)), _mm_setzero_si128());
  };
  const __m128i along_y =
      _mm_add_epi16(_mm_mullo_epi16(load(upper), _mm_set1_epi16(static_cast<std::int16_t>(fraction_one - fy))),
                    _mm_mullo_epi16(load(lower), _mm_set1_epi16(static_cast<std::int16_t>(fy))));
  const __m128i pairs = _mm_unpacklo_epi16(along_y, _mm_srli_si128(along_y, 2 * pixel_stride));
  const __m128i weights = _mm_set1_epi32(fx << 16 | (fraction_one - fx));
  const __m128i sums = _mm_add_epi32(_mm_madd_epi16(pairs, weights), _mm_set1_epi32(512));
  const __m128i words = _mm_srli_epi32(sums, 2 * fraction_bits);
  const std::int32_t bytes = _mm_cvtsi128_si32(_mm_packus_epi16(_mm_packs_epi32(words, words), words));
  std::memcpy(values, &bytes, sizeof bytes);
#elif defined(__aarch64__)
  const uint16x8_t along_y =
      vmlal_u8(vmull_u8(vld1_u8(upper), vdup_n_u8(static_cast<std::uint8_t>(fraction_one - fy))), vld1_u8(lower),
               vdup_n_u8(static_cast<std::uint8_t>(fy)));
  const uint16x4_t right = vget_low_u16(vextq_u16(along_y, along_y, pixel_stride));
  const uint32x4_t sums =
      vmlal_n_u16(vmull_n_u16(vget_low_u16(along_y), static_cast<std::uint16_t>(fraction_one - fx)), right,
                  static_cast<std::uint16_t>(fx));
  const uint16x4_t words = vrshrn_n_u32(sums, 2 * fraction_bits);
  const std::uint32_t bytes = vget_lane_u32(vreinterpret_u32_u8(vmovn_u16(vcombine_u16(words, words))), 0);
  std::memcpy(values, &bytes, sizeof bytes);
#else
  for (std::size_t channel = 0; channel < 3; ++channel) {
    const std::size_t right = channel + pixel_stride;
    const std::int32_t left_sum = upper[channel] * (fraction_one - fy) + lower[channel] * fy;
    const std::int32_t right_sum = upper[right] * (fraction_one - fy) + lower[right] * fy;
    const std::int32_t sum = left_sum * (fraction_one - fx) + right_sum * fx + 512;
    values[channel] = static_cast<std::uint8_t>(sum >> (2 * fraction_bits));
  }
#endif
}

}  // namespace edgehand
