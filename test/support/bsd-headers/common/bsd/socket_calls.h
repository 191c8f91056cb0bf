// socket(2), bind(2), listen(2), connect(2), accept(2), send(2), recv(2), getsockopt(2), shutdown(2)
#pragma once

#include <sys/types.h>
#include <sys/uio.h>

using sa_family_t = unsigned char;
using socklen_t = unsigned int;

struct sockaddr {
  unsigned char sa_len;
  sa_family_t sa_family;
  char sa_data[14];
};

struct sockaddr_storage {
  unsigned char ss_len;
  sa_family_t ss_family;
  char ss_pad1[6];
  long long ss_align;
  char ss_pad2[112];
};

struct linger {
  int l_onoff;
  int l_linger;
};

#define AF_UNIX 1
#define AF_INET 2
#define SOCK_STREAM 1
#define SOCK_DGRAM 2
#define SOL_SOCKET 0xffff
#define SO_REUSEADDR 0x0004
#define SO_KEEPALIVE 0x0008
#define SO_LINGER 0x0080
#define SO_REUSEPORT 0x0200
#define SO_SNDBUF 0x1001
#define SO_RCVBUF 0x1002
#define SO_ERROR 0x1007
#define SHUT_RD 0
#define SHUT_WR 1
#define SHUT_RDWR 2

extern "C" {
int accept(int, sockaddr*, socklen_t*);
int bind(int, const sockaddr*, socklen_t);
int connect(int, const sockaddr*, socklen_t);
int getpeername(int, sockaddr*, socklen_t*);
int getsockname(int, sockaddr*, socklen_t*);
int getsockopt(int, int, int, void*, socklen_t*);
int listen(int, int);
ssize_t recv(int, void*, size_t, int);
ssize_t send(int, const void*, size_t, int);
ssize_t sendmsg(int, const struct msghdr*, int);
int setsockopt(int, int, int, const void*, socklen_t);
int shutdown(int, int);
int socket(int, int, int);
}
