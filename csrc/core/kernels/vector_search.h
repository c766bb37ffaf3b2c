// What each instruction set's file puts into its kernel.
#pragma once

#include "core/kernels/interleaved_search.h"
#include "core/kernels/planar_search.h"

namespace edgehand {
namespace {

template <class PlanarIsa, class InterleavedIsa, class T>
constexpr Search<T> vector_search() {
  return {planar<PlanarIsa, T>, interleaved<InterleavedIsa, T>};
}

}  // namespace
}  // namespace edgehand
