// What is behind the meshes.
#pragma once

#include <cstddef>
#include <cstdint>

#include "render/vector.h"

namespace edgehand::render {

// The square part of a panorama that a camera sees, linear between its pixels.
//
// panorama: height x width x 3, all directions: its columns go from the left (+x is left in the world) by a full turn,
// its middle column ahead (+z), its top row up (+y). to_camera: rows of the rotation from the world to the camera.
// reach: tangent of half the angle of view. view: size x size x 3.
void look_around(const std::uint8_t* panorama, std::ptrdiff_t height, std::ptrdiff_t width, const Vec3* to_camera,
                 float reach, std::ptrdiff_t size, std::uint8_t* view);

// A drawing before a picture: rgba (count x 4, 0..1, multiplied by coverage) over behind (count x 3) gives picture.
void put_before(const float* rgba, const std::uint8_t* behind, std::ptrdiff_t count, std::uint8_t* picture);

}  // namespace edgehand::render
