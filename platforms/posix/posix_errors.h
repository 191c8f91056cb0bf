#pragma once

#include "../../native/engine/error_code.h"

namespace portside {

Error error_of(int native);
Error last_error();  // of errno

}  // namespace portside
