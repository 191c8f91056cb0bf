#pragma once

#include "../../native/engine/backend.h"

namespace portside {

// The numbers of error_of() are errno's.
Error last_error();

}  // namespace portside
