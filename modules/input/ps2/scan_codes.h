// Scan code set 1 to key codes. Pure.
#pragma once

#include <tenon/lib/types.h>

namespace tenon::ps2 {

struct KeyEvent {
    u16 code = 0;  // of <linux/input-event-codes.h>; 0: none yet
    bool pressed = false;
};

class Decoder {
  public:
    KeyEvent feed(u8 byte);

  private:
    u8 prefix_ = 0;  // 0xe0, 0xe1, or 0xe2 for the second byte after 0xe1
};

}  // namespace tenon::ps2
