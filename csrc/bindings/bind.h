// One bind_* function a topic; checks and conversions only, the algorithms are in csrc/core.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstdint>
#include <string>

namespace edgehand {

namespace py = pybind11;

void bind_crop(py::module_& module);
void bind_decode(py::module_& module);

[[noreturn]] inline void type_error(const std::string& message) { throw py::type_error(message); }
[[noreturn]] inline void value_error(const std::string& message) { throw py::value_error(message); }

// "(1, 21, 64, 64)"
inline std::string shape_of(const py::array& array) { return py::str(array.attr("shape")); }
inline std::string dtype_of(const py::array& array) { return py::str(array.dtype()); }

inline std::string type_of(const py::handle& object) { return Py_TYPE(object.ptr())->tp_name; }

inline std::int64_t to_integer(const py::object& object, const char* name) {
  const auto index = py::reinterpret_steal<py::int_>(PyNumber_Index(object.ptr()));
  if (!index) {
    PyErr_Clear();
    type_error(std::string(name) + " is " + type_of(object) + ", expected an integer");
  }
  const std::int64_t value = PyLong_AsLongLong(index.ptr());
  if (value == -1 && PyErr_Occurred() != nullptr) {
    PyErr_Clear();
    value_error(std::string(name) + " is " + std::string(py::str(py::handle(index))) + ", expected a smaller number");
  }
  return value;
}

inline std::string to_text(const py::object& object, const char* name) {
  if (!py::isinstance<py::str>(object)) type_error(std::string(name) + " is " + type_of(object) + ", expected a string");
  return object.cast<std::string>();
}

inline bool is_interleaved(const py::object& object) {
  const std::string layout = to_text(object, "layout");
  if (layout != "NCHW" && layout != "NHWC") value_error("layout is '" + layout + "', expected NCHW or NHWC");
  return layout == "NHWC";
}

// Whether its elements lie where the CPU reads them at once, which views of bytes need not.
inline bool is_aligned(const py::array& array) {
  return (array.flags() & py::detail::npy_api::NPY_ARRAY_ALIGNED_) != 0;
}

// The argument as it lies in memory, never converted.
inline py::array as_array(const py::object& object, const char* name) {
  if (!py::isinstance<py::array>(object)) {
    type_error(std::string(name) + " is " + type_of(object) + ", expected a NumPy array");
  }
  return py::reinterpret_borrow<py::array>(object);
}

}  // namespace edgehand
