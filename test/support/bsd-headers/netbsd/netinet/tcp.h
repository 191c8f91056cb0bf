// tcp(4)
#pragma once

#define TCP_NODELAY 1
#define TCP_KEEPIDLE 3
#define TCP_KEEPINTVL 5
#define TCP_KEEPCNT 6
