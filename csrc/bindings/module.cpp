#include "bindings/bind.h"

PYBIND11_MODULE(_core, module) {
  module.doc() = "C++ core: decoding of heatmaps and cropping of images.";
  edgehand::bind_crop(module);
  edgehand::bind_decode(module);
}
