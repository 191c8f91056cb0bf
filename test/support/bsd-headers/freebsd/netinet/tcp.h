// tcp(4)
#pragma once

#define TCP_NODELAY 1
#define TCP_KEEPIDLE 256
