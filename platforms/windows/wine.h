// Where Wine is known to behave differently from Windows, by what it does.
#pragma once

namespace portside {

bool runs_on_wine();

// A socket reused through TF_REUSE_SOCKET never receives anything.
inline bool reused_sockets_are_broken() {
  return runs_on_wine();
}

// At the peer's FIN posted sends complete without an error, and without having sent anything.
inline bool sends_come_back_untouched() {
  return runs_on_wine();
}

// A send that the kernel has just found room for is not cancelled; if it is then not done whole, it goes on.
inline bool a_cancel_may_miss_sends() {
  return runs_on_wine();
}

// In the same moment a reset is not told to it, and it waits for ever.
inline bool resets_may_miss_sends() {
  return runs_on_wine();
}

// A reset that comes while no receive is posted is told as the end of the stream (mended in Wine 10).
inline bool resets_look_like_the_end() {
  return runs_on_wine();
}

}  // namespace portside
