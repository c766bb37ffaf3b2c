// edgehand._render: the renderer of synthetic hands, apart from the core that a device uses.
#include <pybind11/stl.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "bindings/bind.h"
#include "render/backdrop.h"
#include "render/canvas.h"
#include "render/skin.h"

namespace edgehand {
namespace {

using render::Vec3;

constexpr std::int64_t largest_size = 4096;

template <typename T>
using Array = py::array_t<T, py::array::c_style>;

// An array of T, of the given shape (-1: any), in C order; never converted.
template <typename T>
Array<T> to_array(const py::object& object, const char* name, const std::vector<py::ssize_t>& shape) {
  const py::array array = as_array(object, name);
  bool fits = Array<T>::check_(array) && is_aligned(array) && array.ndim() == static_cast<py::ssize_t>(shape.size());
  for (std::size_t i = 0; fits && i < shape.size(); ++i) {
    fits = shape[i] < 0 || array.shape(static_cast<py::ssize_t>(i)) == shape[i];
  }
  if (!fits) {
    std::string expected;
    for (const py::ssize_t length : shape) {
      expected += (expected.empty() ? "" : ", ") + (length < 0 ? "any" : std::to_string(length));
    }
    value_error(std::string(name) + " is " + dtype_of(array) + " of shape " + shape_of(array) + ", expected " +
                std::string(py::str(py::dtype::of<T>())) + " of shape (" + expected + ") in C order, aligned");
  }
  return py::reinterpret_borrow<Array<T>>(array);
}

void check_indices(const Array<std::int32_t>& indices, py::ssize_t count, const char* name) {
  const auto [low, high] = std::minmax_element(indices.data(), indices.data() + indices.size());
  if (indices.size() > 0 && (*low < 0 || *high >= count)) {
    value_error(std::string(name) + " holds " + std::to_string(*low < 0 ? *low : *high) + ", expected 0 to " +
                std::to_string(count - 1));
  }
}

std::int64_t to_size(const py::object& object) {
  const std::int64_t size = to_integer(object, "size");
  if (size < 1 || size > largest_size) {
    value_error("size is " + std::to_string(size) + ", expected 1 to " + std::to_string(largest_size));
  }
  return size;
}

Vec3 to_vec3(const std::array<float, 3>& values) { return {values[0], values[1], values[2]}; }

const Vec3* vectors(const Array<float>& array) { return reinterpret_cast<const Vec3*>(array.data()); }

// A mesh and the arrays that it looks into.
struct HeldMesh {
  render::Mesh mesh;
  std::vector<py::object> held;
};

HeldMesh make_mesh(const py::object& positions_object, const py::object& normals_object,
                   const py::object& triangles_object, const py::object& uv_object,
                   const py::object& uv_triangles_object, const py::object& colour_object,
                   const py::object& slope_object, const py::object& nails_object, const render::Material& material,
                   bool casts_shadow, int unseen) {
  const auto positions = to_array<float>(positions_object, "positions", {-1, 3});
  const auto normals = to_array<float>(normals_object, "normals", {positions.shape(0), 3});
  const auto triangles = to_array<std::int32_t>(triangles_object, "triangles", {-1, 3});
  const auto uv = to_array<float>(uv_object, "uv", {-1, 2});
  const auto uv_triangles = to_array<std::int32_t>(uv_triangles_object, "uv_triangles", {triangles.shape(0), 3});
  const auto colour = to_array<std::uint8_t>(colour_object, "colour", {-1, -1, 3});
  check_indices(triangles, positions.shape(0), "triangles");
  check_indices(uv_triangles, uv.shape(0), "uv_triangles");
  const py::ssize_t height = colour.shape(0), width = colour.shape(1);
  if (height < 2 || width < 2) value_error("colour has shape " + shape_of(colour) + ", expected at least 2 x 2");

  HeldMesh result;
  result.held = {positions, normals, triangles, uv, uv_triangles, colour};
  render::Mesh& mesh = result.mesh;
  mesh.vertex_count = positions.shape(0);
  mesh.triangle_count = triangles.shape(0);
  mesh.positions = vectors(positions);
  mesh.normals = vectors(normals);
  mesh.triangles = triangles.data();
  mesh.uv = uv.data();
  mesh.uv_triangles = uv_triangles.data();
  mesh.texture.height = height;
  mesh.texture.width = width;
  mesh.texture.colour = colour.data();
  if (!slope_object.is_none()) {
    const auto slope = to_array<std::int8_t>(slope_object, "slope", {height, width, 2});
    mesh.texture.slope = slope.data();
    result.held.push_back(slope);
  }
  if (!nails_object.is_none()) {
    const auto nails = to_array<std::uint8_t>(nails_object, "nails", {height, width});
    mesh.texture.nails = nails.data();
    result.held.push_back(nails);
  }
  mesh.material = material;
  mesh.casts_shadow = casts_shadow;
  mesh.unseen = unseen;
  return result;
}

render::Material make_material(const std::array<float, 3>& gain, float roughness, float specular,
                               const std::array<float, 3>& wrap, float bump, float polish,
                               const std::array<float, 3>& nail_colour) {
  return {to_vec3(gain), roughness, specular, to_vec3(wrap), bump, polish, to_vec3(nail_colour)};
}

render::Light to_light(const std::array<float, 3>& direction, const std::array<float, 3>& colour) {
  return {unit(to_vec3(direction)), to_vec3(colour)};
}

render::Lighting make_lighting(const std::array<float, 3>& key_direction, const std::array<float, 3>& key_colour,
                               const std::array<float, 3>& fill_direction, const std::array<float, 3>& fill_colour,
                               const py::object& ambient, float exposure, float shadow_leak, float shadow_blur,
                               const std::array<float, 3>& shadow_centre, float shadow_radius) {
  if (!(shadow_radius > 0)) value_error("shadow_radius is " + std::to_string(shadow_radius) + ", expected more than 0");
  render::Lighting lighting{};
  lighting.key = to_light(key_direction, key_colour);
  lighting.fill = to_light(fill_direction, fill_colour);
  const auto coefficients = to_array<float>(ambient, "ambient", {9, 3});
  std::copy(coefficients.data(), coefficients.data() + 27, &lighting.ambient[0][0]);
  lighting.exposure = exposure;
  lighting.shadow_leak = shadow_leak;
  lighting.shadow_blur = shadow_blur;
  lighting.shadow_centre = to_vec3(shadow_centre);
  lighting.shadow_radius = shadow_radius;
  return lighting;
}

// A canvas and the arrays that its meshes look into.
class HeldCanvas {
 public:
  HeldCanvas(const std::array<float, 3>& camera, const py::object& size)
      : canvas_({camera[0], camera[1], camera[2]}, to_size(size)) {}

  void add(const HeldMesh& mesh) {
    held_.insert(held_.end(), mesh.held.begin(), mesh.held.end());
    const py::gil_scoped_release release;
    canvas_.add(mesh.mesh);
  }

  py::array seen(const py::object& joints, const py::object& flesh, std::int64_t mesh) const {
    const auto positions = to_array<float>(joints, "joints", {-1, 3});
    const auto depths = to_array<float>(flesh, "flesh", {positions.shape(0)});
    Array<bool> result(positions.shape(0));
    for (py::ssize_t i = 0; i < positions.shape(0); ++i) {
      result.mutable_data()[i] = canvas_.is_seen({vectors(positions)[i], depths.data()[i], mesh});
    }
    return result;
  }

  py::array shade(const render::Lighting& lighting) const {
    Array<float> rgba({canvas_.size(), canvas_.size(), std::ptrdiff_t{4}});
    float* out = rgba.mutable_data();
    const py::gil_scoped_release release;
    canvas_.shade(lighting, out);
    return rgba;
  }

 private:
  render::Canvas canvas_;
  std::vector<py::object> held_;
};

py::array look_around(const py::object& panorama_object, const py::object& to_camera_object, float reach,
                      const py::object& size_object) {
  const std::int64_t size = to_size(size_object);
  const auto panorama = to_array<std::uint8_t>(panorama_object, "panorama", {-1, -1, 3});
  const auto to_camera = to_array<float>(to_camera_object, "to_camera", {3, 3});
  const py::ssize_t height = panorama.shape(0), width = panorama.shape(1);
  if (height < 2 || width < 2) value_error("panorama has shape " + shape_of(panorama) + ", expected at least 2 x 2");
  if (!std::all_of(to_camera.data(), to_camera.data() + 9, [](float value) { return std::fabs(value) <= 1.01f; })) {
    value_error("to_camera is no rotation, expected values from -1 to 1");
  }
  if (!(reach > 0 && reach < 1e6f)) value_error("reach is " + std::to_string(reach) + ", expected above 0, below 1e6");
  Array<std::uint8_t> view({size, size, std::int64_t{3}});
  std::uint8_t* out = view.mutable_data();
  {
    const py::gil_scoped_release release;
    render::look_around(panorama.data(), height, width, vectors(to_camera), reach, size, out);
  }
  return view;
}

py::array put_before(const py::object& rgba_object, const py::object& behind_object) {
  const auto rgba = to_array<float>(rgba_object, "rgba", {-1, -1, 4});
  const auto behind = to_array<std::uint8_t>(behind_object, "behind", {rgba.shape(0), rgba.shape(1), 3});
  Array<std::uint8_t> picture({rgba.shape(0), rgba.shape(1), py::ssize_t{3}});
  std::uint8_t* out = picture.mutable_data();
  {
    const py::gil_scoped_release release;
    render::put_before(rgba.data(), behind.data(), rgba.shape(0) * rgba.shape(1), out);
  }
  return picture;
}

py::array skin(const py::object& vertices_object, const py::object& bones_object, const py::object& weights_object,
               const py::object& transforms_object) {
  const auto vertices = to_array<float>(vertices_object, "vertices", {-1, 3});
  const auto bones = to_array<std::int32_t>(bones_object, "bones", {vertices.shape(0), -1});
  const auto weights = to_array<float>(weights_object, "weights", {vertices.shape(0), bones.shape(1)});
  const auto transforms = to_array<float>(transforms_object, "transforms", {-1, 3, 4});
  check_indices(bones, transforms.shape(0), "bones");
  Array<float> posed({vertices.shape(0), py::ssize_t{3}});
  auto* out = reinterpret_cast<Vec3*>(posed.mutable_data());
  {
    const py::gil_scoped_release release;
    render::skin(vectors(vertices), vertices.shape(0), bones.data(), weights.data(), bones.shape(1), transforms.data(),
                 out);
  }
  return posed;
}

py::array multiply(const py::object& starts_object, const py::object& columns_object, const py::object& values_object,
                   const py::object& vectors_object) {
  const auto starts = to_array<std::int32_t>(starts_object, "starts", {-1});
  const auto columns = to_array<std::int32_t>(columns_object, "columns", {-1});
  const auto values = to_array<float>(values_object, "values", {columns.shape(0)});
  const auto factors = to_array<float>(vectors_object, "vectors", {-1, 3});
  const std::int32_t* first = starts.data();
  const std::int32_t* last = first + starts.size();
  if (starts.size() == 0 || *first != 0 || last[-1] != columns.size() || !std::is_sorted(first, last)) {
    value_error("starts does not rise from 0 to the number of columns, " + std::to_string(columns.size()));
  }
  check_indices(columns, factors.shape(0), "columns");
  Array<float> product({starts.shape(0) - 1, py::ssize_t{3}});
  auto* out = reinterpret_cast<Vec3*>(product.mutable_data());
  {
    const py::gil_scoped_release release;
    render::multiply(first, columns.data(), values.data(), starts.size() - 1, vectors(factors), out);
  }
  return product;
}

py::array vertex_normals(const py::object& positions_object, const py::object& triangles_object) {
  const auto positions = to_array<float>(positions_object, "positions", {-1, 3});
  const auto triangles = to_array<std::int32_t>(triangles_object, "triangles", {-1, 3});
  check_indices(triangles, positions.shape(0), "triangles");
  Array<float> normals({positions.shape(0), py::ssize_t{3}});
  auto* out = reinterpret_cast<Vec3*>(normals.mutable_data());
  {
    const py::gil_scoped_release release;
    render::vertex_normals(vectors(positions), positions.shape(0), triangles.data(), triangles.shape(0), out);
  }
  return normals;
}

}  // namespace
}  // namespace edgehand

PYBIND11_MODULE(_render, module) {
  using namespace edgehand;
  module.doc() = "C++ renderer of synthetic hands.";
  py::class_<HeldMesh>(module, "Mesh")
      .def(py::init(&make_mesh), py::kw_only(), py::arg("positions"), py::arg("normals"), py::arg("triangles"),
           py::arg("uv"), py::arg("uv_triangles"), py::arg("colour"), py::arg("slope"), py::arg("nails"),
           py::arg("material"), py::arg("casts_shadow"), py::arg("unseen"));
  py::class_<render::Material>(module, "Material")
      .def(py::init(&make_material), py::kw_only(), py::arg("gain"), py::arg("roughness"), py::arg("specular"),
           py::arg("wrap"), py::arg("bump"), py::arg("polish"), py::arg("nail_colour"));
  py::class_<render::Lighting>(module, "Lighting")
      .def(py::init(&make_lighting), py::kw_only(), py::arg("key_direction"), py::arg("key_colour"),
           py::arg("fill_direction"), py::arg("fill_colour"), py::arg("ambient"), py::arg("exposure"),
           py::arg("shadow_leak"), py::arg("shadow_blur"), py::arg("shadow_centre"), py::arg("shadow_radius"));
  py::class_<HeldCanvas>(module, "Canvas")
      .def(py::init<const std::array<float, 3>&, const py::object&>(), py::arg("camera"), py::arg("size"))
      .def("add", &HeldCanvas::add, py::arg("mesh"))
      .def("seen", &HeldCanvas::seen, py::arg("joints"), py::arg("flesh"), py::arg("mesh"))
      .def("shade", &HeldCanvas::shade, py::arg("lighting"));
  module.def("look_around", &look_around, py::arg("panorama"), py::arg("to_camera"), py::arg("reach"), py::arg("size"));
  module.def("put_before", &put_before, py::arg("rgba"), py::arg("behind"));
  module.def("skin", &skin, py::arg("vertices"), py::arg("bones"), py::arg("weights"), py::arg("transforms"));
  module.def("multiply", &multiply, py::arg("starts"), py::arg("columns"), py::arg("values"), py::arg("vectors"));
  module.def("vertex_normals", &vertex_normals, py::arg("positions"), py::arg("triangles"));
}
