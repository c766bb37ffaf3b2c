#include <algorithm>
#include <vector>

#include "bindings/bind.h"
#include "core/crop.h"

namespace edgehand {
namespace {

constexpr std::int64_t largest_size = 4096;

Image to_image(const py::array& array) {
  if (array.dtype().kind() != 'u' || array.itemsize() != 1) {
    type_error("image has dtype " + dtype_of(array) + ", expected uint8");
  }
  if (array.ndim() != 3 || array.shape(2) != 3 || array.shape(0) < 1 || array.shape(1) < 1) {
    value_error("image has shape " + shape_of(array) + ", expected (height, width, 3), not empty");
  }
  return {static_cast<const std::uint8_t*>(array.data()),
          array.shape(0),
          array.shape(1),
          array.strides(0),
          array.strides(1),
          array.strides(2)};
}

Affine to_affine(const py::object& matrix, std::int64_t size) {
  const auto array = py::array_t<double, py::array::c_style | py::array::forcecast>::ensure(matrix);
  if (!array) {
    PyErr_Clear();
    type_error("matrix cannot be read as numbers, expected an array of shape (2, 3)");
  }
  if (array.ndim() != 2 || array.shape(0) != 2 || array.shape(1) != 3) {
    value_error("matrix has shape " + shape_of(array) + ", expected (2, 3)");
  }
  Affine affine;
  for (py::ssize_t i = 0; i < 6; ++i) affine.m[i] = array.data()[i];
  if (!within_reach(affine, static_cast<std::size_t>(size))) {
    value_error("matrix is " + py::str(array.attr("tolist")()).cast<std::string>() +
                ", expected finite numbers that keep the patch within a million pixels of the image");
  }
  return affine;
}

InputType to_input_type(const py::array& table) {
  const py::dtype dtype = table.dtype();
  if (dtype.byteorder() == '=' || dtype.byteorder() == '|') {
    if (dtype.kind() == 'f' && dtype.itemsize() == 4) return InputType::float32;
    if (dtype.kind() == 'i' && dtype.itemsize() == 1) return InputType::int8;
    if (dtype.kind() == 'u' && dtype.itemsize() == 1) return InputType::uint8;
  }
  type_error("table has dtype " + dtype_of(table) + ", expected float32, int8 or uint8");
}

bool in_order(const py::array& array) {
  return (array.flags() & py::array::c_style) != 0 && is_aligned(array);
}

py::array crop_input(const py::object& image_object, const py::object& matrix, const py::object& size_object,
                     const py::object& table_object, const py::object& layout, bool antialias,
                     const py::object& out_object) {
  const bool interleaved = is_interleaved(layout);
  const std::int64_t size = to_integer(size_object, "size");
  if (size < 1 || size > largest_size) {
    value_error("size is " + std::to_string(size) + ", expected 1 to " + std::to_string(largest_size));
  }
  const py::array image_array = as_array(image_object, "image");
  const Image image = to_image(image_array);
  const Affine affine = to_affine(matrix, size);
  const py::array table = as_array(table_object, "table");
  const InputType type = to_input_type(table);
  if (table.ndim() != 2 || table.shape(0) != 3 || table.shape(1) != 256 || !in_order(table)) {
    value_error("table has shape " + shape_of(table) + ", expected (3, 256) in C order, aligned");
  }
  const std::vector<py::ssize_t> shape = {1, interleaved ? size : 3, size, interleaved ? 3 : size};
  py::array out = out_object.is_none() ? py::array(table.dtype(), shape) : as_array(out_object, "out");
  if (!std::equal(shape.begin(), shape.end(), out.shape(), out.shape() + out.ndim()) ||
      !out.dtype().equal(table.dtype()) || !in_order(out) || !out.writeable()) {
    value_error("out is " + dtype_of(out) + " of shape " + shape_of(out) + ", expected writeable " + dtype_of(table) +
                " of shape " + (interleaved ? "(1, size, size, 3)" : "(1, 3, size, size)") +
                " in C order, aligned, size " + std::to_string(size));
  }
  const Input input = {type, interleaved, table.data(), out.mutable_data()};
  {
    const py::gil_scoped_release release;
    crop(image, affine, static_cast<std::size_t>(size), antialias, input);
  }
  return out;
}

}  // namespace

void bind_crop(py::module_& module) {
  module.def("crop_input", &crop_input, py::arg("image"), py::arg("matrix"), py::arg("size"), py::arg("table"),
             py::arg("layout"), py::arg("antialias"), py::arg("out"));
}

}  // namespace edgehand
