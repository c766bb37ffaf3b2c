#include <algorithm>
#include <array>
#include <cmath>
#include <initializer_list>
#include <iterator>
#include <limits>

#include "bindings/bind.h"
#include "core/decode.h"
#include "core/kernels/kernel.h"

namespace edgehand {
namespace {

constexpr std::array<const char*, 7> method_names = {"argmax", "quarter",  "quarter-0x", "taylor",
                                                     "udp",    "parabola", "softargmax"};

Method to_method(const py::object& object) {
  const std::string name = to_text(object, "method");
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

// Axes of the array: N first, then those of a map or of a cell.
struct Axes {
  int keypoint, y, x;
};

// Whether the given axes, the outermost first, hold one block of items without a gap.
bool is_dense(const py::array& array, std::initializer_list<int> axes) {
  if (!is_aligned(array)) return false;
  py::ssize_t step = array.itemsize();
  for (auto axis = std::rbegin(axes); axis != std::rend(axes); ++axis) {
    if (array.shape(*axis) != 1 && array.strides(*axis) != step) return false;
    step *= array.shape(*axis);
  }
  return true;
}

bool lies_interleaved(const py::array& array, const Axes& axes) {
  return is_dense(array, {axes.y, axes.x, axes.keypoint});
}
bool lies_planar(const py::array& array, const Axes& axes) { return is_dense(array, {axes.y, axes.x}); }

// Checks the argument's dtype and shape.
Type check_heatmaps(const py::array& array, bool interleaved, const Axes& axes, const char* name) {
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
  if (array.shape(axes.y) > std::numeric_limits<std::int32_t>::max() / array.shape(axes.x)) {
    value_error(std::string(name) + " has shape " + shape_of(array) + ", expected fewer than 2^31 cells in a map");
  }
  return type;
}

// Describes the array where it lies; it is replaced by a copy only if it does not lie as asked.
Heatmaps to_heatmaps(py::array& array, Type type, Axes axes, bool interleaved) {
  if (!(interleaved ? lies_interleaved(array, axes) : lies_planar(array, axes))) {
    const auto view = interleaved ? array.attr("transpose")(0, axes.y, axes.x, axes.keypoint)
                                  : array.attr("transpose")(0, axes.keypoint, axes.y, axes.x);
    array = view.attr("copy")();
    axes = interleaved ? Axes{3, 1, 2} : Axes{1, 2, 3};
  }
  const auto extent = [&array](int axis) { return static_cast<std::size_t>(array.shape(axis)); };
  const py::ssize_t item = array.itemsize();
  return {type,
          interleaved,
          extent(0),
          extent(axes.keypoint),
          extent(axes.y),
          extent(axes.x),
          array.data(),
          array.strides(0) / item,
          interleaved ? 1 : array.strides(axes.keypoint) / item};
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

py::tuple decode_heatmaps(const py::object& heatmaps, const py::object& method, const py::object& layout,
                          const py::object& scale, const py::object& zero_point, const py::object& flipped,
                          bool flip_shift) {
  const Method decode_method = to_method(method);
  const bool wants_interleaved = is_interleaved(layout);
  const Axes axes = wants_interleaved ? Axes{3, 1, 2} : Axes{1, 2, 3};
  py::array array = as_array(heatmaps, "heatmaps");
  const Type type = check_heatmaps(array, wants_interleaved, axes, "heatmaps");
  const Quantization quantization = to_quantization(type, scale, to_integer(zero_point, "zero_point"));
  py::array mirrored;
  if (!flipped.is_none()) {
    mirrored = as_array(flipped, "flipped");
    if (check_heatmaps(mirrored, wants_interleaved, axes, "flipped") != type ||
        !std::equal(array.shape(), array.shape() + 4, mirrored.shape())) {
      value_error("flipped is " + dtype_of(mirrored) + " of shape " + shape_of(mirrored) + ", expected " +
                  dtype_of(array) + " of shape " + shape_of(array) + " like heatmaps");
    }
  } else if (flip_shift) {
    value_error("flip_shift is True, expected False without flipped");
  }
  // A transposed view may lie in the other layout's order, which is as good.
  const bool interleaved = wants_interleaved ? lies_interleaved(array, axes) || !lies_planar(array, axes)
                                             : !lies_planar(array, axes) && lies_interleaved(array, axes);
  const Heatmaps maps = to_heatmaps(array, type, axes, interleaved);
  const Heatmaps mirrored_maps =
      flipped.is_none() ? Heatmaps{} : to_heatmaps(mirrored, type, axes, interleaved);
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
