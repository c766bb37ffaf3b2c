#include "core/kernels/kernel.h"

#include <cstdlib>
#include <stdexcept>
#include <string>

namespace edgehand {
namespace {

constexpr const Kernel* kernels[] = {
    &scalar_kernel,
#ifdef EDGEHAND_X86
    &avx2_kernel,
    &avx512_kernel,
#endif
#ifdef EDGEHAND_NEON
    &neon_kernel,
#endif
};

const Kernel& choose() {
  const char* wanted = std::getenv("EDGEHAND_KERNEL");
  const Kernel* best = nullptr;
  std::string usable;
  for (const Kernel* kernel : kernels) {
    if (!kernel->runs_here()) continue;
    if (wanted != nullptr && kernel->name == std::string(wanted)) return *kernel;
    best = kernel;
    usable += std::string(usable.empty() ? "" : ", ") + kernel->name;
  }
  if (wanted != nullptr && *wanted != '\0') {
    throw std::invalid_argument("EDGEHAND_KERNEL is '" + std::string(wanted) + "', expected one of " + usable);
  }
  return *best;
}

}  // namespace

KernelList compiled_kernels() { return {kernels, sizeof kernels / sizeof kernels[0]}; }

const Kernel& active_kernel() {
  static const Kernel& kernel = choose();
  return kernel;
}

}  // namespace edgehand
