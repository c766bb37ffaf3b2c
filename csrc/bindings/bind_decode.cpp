#include <array>
#include <cmath>
#include <limits>

#include "bindings/bind.h"
#include "core/decode.h"
#include "core/kernels/kernel.h"

namespace edgehand {
namespace {

constexpr std::array<const char*, 7> method_names = {"argmax", "quarter",  "quarter-0x", "taylor",
                                                     "udp",    "parabola", "softargmax"};

Method to_method(const std::string& name) {
  for (std::size_t i = 0; i < method_names.size(); ++i) {
    if (name == method_names[i]) return static_cast<Method>(i);
  }
  std::string known;
  for (const char* method : method_names) known += std::string(known.empty() ? "" : ", ") + method;
  value_error("method is '" + name + "', expected one of " + known);
}

Type to_type(const py::array& array, const char* name) {
  const py::dtype dtype = array.dtype();
  if (dtype.byteorder() == '=' || dtype.byteorder() == '|') {
    if (dtype.kind() == 'f' && dtype.itemsize() == 4) return Type::float32;
    if (dtype.kind() == 'f' && dtype.itemsize() == 2) return Type::float16;
    if (dtype.kind() == 'i' && dtype.itemsize() == 1) return Type::int8;
    if (dtype.kind() == 'u' && dtype.itemsize() == 1) return Type::uint8;
  }
  type_error(std::string(name) + " has dtype " + dtype_of(array) + ", expected float32, float16, int8 or uint8");
}

bool is_dense(const py::array& array, py::ssize_t first_axis, py::ssize_t step) {
  for (py::ssize_t axis = 3; axis >= first_axis; --axis) {
    if (array.shape(axis) != 1 && array.strides(axis) != step) return false;
    step *= array.shape(axis);
  }
  return true;
}

// Describes the array where it lies; `array` is replaced by a dense copy only if its maps are not dense.
Heatmaps to_heatmaps(py::array& array, bool interleaved, const char* name) {
  const Type type = to_type(array, name);
  if (array.ndim() != 4) {
    value_error(std::string(name) + " has shape " + shape_of(array) + ", expected four axes, " +
                (interleaved ? "(N, H, W, K)" : "(N, K, H, W)"));
  }
  for (py::ssize_t axis = 1; axis < 4; ++axis) {
    if (array.shape(axis) < 1) {
      value_error(std::string(name) + " has shape " + shape_of(array) + ", expected no empty axis but the first");
    }
  }
  const py::ssize_t cells = interleaved ? array.shape(1) * array.shape(2) : array.shape(2) * array.shape(3);
  if (cells > std::numeric_limits<std::int32_t>::max()) {
    value_error(std::string(name) + " has shape " + shape_of(array) + ", expected fewer than 2^31 cells in a map");
  }
  const py::ssize_t item = array.itemsize();
  const bool aligned = (array.flags() & py::detail::npy_api::NPY_ARRAY_ALIGNED_) != 0;
  if (!aligned || !is_dense(array, interleaved ? 1 : 2, item)) {
    array = py::reinterpret_steal<py::array>(
        py::detail::npy_api::get().PyArray_NewCopy_(array.ptr(), 0 /* C order */));
    if (!array) throw py::error_already_set();
  }
  const auto extent = [&array](py::ssize_t axis) { return static_cast<std::size_t>(array.shape(axis)); };
  const std::ptrdiff_t batch_stride = array.strides(0) / item;
  if (interleaved) return {type, true, extent(0), extent(3), extent(1), extent(2), array.data(), batch_stride, 1};
  return {type,         false,       extent(0),    extent(1), extent(2), extent(3),
          array.data(), batch_stride, array.strides(1) / item};
}

Quantization to_quantization(Type type, const py::object& scale, std::int64_t zero_point) {
  const bool integer = type == Type::int8 || type == Type::uint8;
  if (!integer) {
    if (!scale.is_none() || zero_point != 0) {
      value_error("scale and zero_point belong to int8 and uint8 heatmaps, these are floats");
    }
    return {};
  }
  const std::int64_t lowest = type == Type::int8 ? -128 : 0;
  if (zero_point < lowest || zero_point > lowest + 255) {
    value_error("zero_point is " + std::to_string(zero_point) + ", expected " + std::to_string(lowest) + " to " +
                std::to_string(lowest + 255));
  }
  if (scale.is_none()) return {1.0F, static_cast<std::int32_t>(zero_point)};
  const double real = PyFloat_AsDouble(scale.ptr());
  if (real == -1.0 && PyErr_Occurred() != nullptr) {
    PyErr_Clear();
    type_error("scale is " + type_of(scale) + ", expected a number");
  }
  const auto value = static_cast<float>(real);
  if (!(std::isfinite(value) && value >= std::numeric_limits<float>::min())) {
    value_error("scale is " + py::str(scale).cast<std::string>() + ", expected a positive finite number");
  }
  return {value, static_cast<std::int32_t>(zero_point)};
}

py::tuple decode_heatmaps(const py::object& heatmaps, const std::string& method, const std::string& layout,
                          const py::object& scale, std::int64_t zero_point, const py::object& flipped,
                          bool flip_shift) {
  const Method decode_method = to_method(method);
  const bool interleaved = is_interleaved(layout);
  py::array array = as_array(heatmaps, "heatmaps");
  const Heatmaps maps = to_heatmaps(array, interleaved, "heatmaps");
  const Quantization quantization = to_quantization(maps.type, scale, zero_point);
  py::array mirrored;
  Heatmaps mirrored_maps = {};
  if (!flipped.is_none()) {
    mirrored = as_array(flipped, "flipped");
    mirrored_maps = to_heatmaps(mirrored, interleaved, "flipped");
    if (mirrored_maps.type != maps.type || !mirrored.attr("shape").equal(array.attr("shape"))) {
      value_error("flipped is " + dtype_of(mirrored) + " of shape " + shape_of(mirrored) + ", expected " +
                  dtype_of(array) + " of shape " + shape_of(array) + " like heatmaps");
    }
  } else if (flip_shift) {
    value_error("flip_shift is True, expected False without flipped");
  }
  const Kernel& kernel = active_kernel();
  const auto batch = static_cast<py::ssize_t>(maps.batch);
  const auto count = static_cast<py::ssize_t>(maps.keypoints);
  py::array_t<float> keypoints({batch, count, py::ssize_t{2}});
  py::array_t<float> scores({batch, count});
  {
    float* keypoint_data = keypoints.mutable_data();
    float* score_data = scores.mutable_data();
    const py::gil_scoped_release release;
    decode(maps, flipped.is_none() ? nullptr : &mirrored_maps, flip_shift, decode_method, quantization, kernel,
           keypoint_data, score_data);
  }
  return py::make_tuple(keypoints, scores);
}

}  // namespace

void bind_decode(py::module_& module) {
  module.def("decode_heatmaps", &decode_heatmaps, py::arg("heatmaps"), py::arg("method"), py::arg("layout"),
             py::arg("scale"), py::arg("zero_point"), py::arg("flipped"), py::arg("flip_shift"));
  module.def("kernel", [] { return active_kernel().name; });
  module.def("kernels", [] {
    py::list names;
    for (const Kernel* kernel : compiled_kernels()) {
      if (kernel->runs_here()) names.append(kernel->name);
    }
    return names;
  });
}

}  // namespace edgehand
