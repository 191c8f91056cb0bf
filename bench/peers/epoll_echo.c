// The floor: the least a single-threaded TCP echo server can do with epoll. Nothing here is general.
//
// Prints its port, then obeys one command per line of standard input:
//   usage -> "usage <user+system microseconds> <resident bytes>"
//   memory -> the same figures; the other peers collect their garbage first, C has none
//   quit (or end of input) ends it

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RECEIVE_SIZE = 64 * 1024, BACKLOG = 4096, EVENTS = 256 };

typedef struct {
  int fd;
  bool ended;       // the peer sent FIN: close once the leftover is out
  uint32_t length;  // bytes that the kernel did not take
  uint32_t offset;
  uint8_t* leftover;
} Connection;

static int queue;
static Connection listener;
static Connection control;
static uint8_t received[RECEIVE_SIZE];

static void fail(const char* what) {
  perror(what);
  exit(1);
}

static void watch(int operation, Connection* connection, uint32_t events) {
  struct epoll_event event = {.events = events | EPOLLET, .data.ptr = connection};
  if (epoll_ctl(queue, operation, connection->fd, &event) != 0) fail("epoll_ctl");
}

static void start_listening(void) {
  const int on = 1;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY)};
  socklen_t size = sizeof address;
  listener.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (listener.fd < 0) fail("socket");
  setsockopt(listener.fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(listener.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // accepted sockets inherit it
  if (bind(listener.fd, (struct sockaddr*)&address, size) != 0) fail("bind");
  if (listen(listener.fd, BACKLOG) != 0) fail("listen");
  if (getsockname(listener.fd, (struct sockaddr*)&address, &size) != 0) fail("getsockname");
  printf("%u\n", (unsigned)ntohs(address.sin_port));
  fflush(stdout);
  watch(EPOLL_CTL_ADD, &listener, EPOLLIN);
}

static void end_connection(Connection* connection) {
  close(connection->fd);
  free(connection->leftover);
  free(connection);
}

// Sends what it can. False: the connection is broken.
static bool flush_leftover(Connection* connection) {
  while (connection->offset < connection->length) {
    const ssize_t sent = send(connection->fd, connection->leftover + connection->offset,
                              connection->length - connection->offset, MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN;
    connection->offset += (uint32_t)sent;
  }
  free(connection->leftover);
  connection->leftover = NULL;
  connection->offset = connection->length = 0;
  return true;
}

static bool echo(Connection* connection, size_t length) {
  ssize_t sent = send(connection->fd, received, length, MSG_NOSIGNAL);
  if (sent < 0) {
    if (errno != EAGAIN) return false;
    sent = 0;
  }
  if ((size_t)sent == length) return true;
  connection->length = (uint32_t)(length - (size_t)sent);
  connection->offset = 0;
  connection->leftover = malloc(connection->length);
  if (connection->leftover == NULL) fail("malloc");
  memcpy(connection->leftover, received + sent, connection->length);
  watch(EPOLL_CTL_MOD, connection, EPOLLIN | EPOLLRDHUP | EPOLLOUT);
  return true;
}

// Reads until the kernel has no more or the peer must first take what we owe it. False: close.
static bool serve(Connection* connection, uint32_t events) {
  const bool ending = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
  if (connection->leftover != NULL && !flush_leftover(connection)) return false;
  while (connection->leftover == NULL && !connection->ended) {
    const ssize_t length = recv(connection->fd, received, sizeof received, 0);
    if (length < 0) return errno == EAGAIN;
    if (length == 0) {
      connection->ended = true;
      break;
    }
    if (!echo(connection, (size_t)length)) return false;
    // A receive that did not fill its buffer emptied the kernel's; the next edge tells of more, unless
    // the end that this edge told of stands behind the data.
    if ((size_t)length < sizeof received && !ending && connection->leftover == NULL) return true;
  }
  return connection->leftover != NULL || !connection->ended;
}

static void accept_all(void) {
  for (;;) {
    const int fd = accept4(listener.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno == ECONNABORTED || errno == EINTR) continue;
      return;
    }
    Connection* connection = calloc(1, sizeof *connection);
    if (connection == NULL) fail("calloc");
    connection->fd = fd;
    watch(EPOLL_CTL_ADD, connection, EPOLLIN | EPOLLRDHUP);
  }
}

static uint64_t resident_bytes(void) {
  unsigned long long total = 0;
  unsigned long long pages = 0;
  FILE* file = fopen("/proc/self/statm", "r");
  if (file == NULL || fscanf(file, "%llu %llu", &total, &pages) != 2) fail("statm");
  fclose(file);
  return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t microseconds(struct timeval time) {
  return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_usec;
}

static void obey(void) {
  char line[64] = {0};
  const ssize_t length = read(control.fd, line, sizeof line - 1);
  if (length <= 0 || strncmp(line, "quit", 4) == 0) exit(0);
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  const uint64_t busy = microseconds(usage.ru_utime) + microseconds(usage.ru_stime);
  printf("%.*s %" PRIu64 " %" PRIu64 "\n", (int)strcspn(line, "\n"), line, busy, (uint64_t)resident_bytes());
  fflush(stdout);
}

int main(void) {
  struct epoll_event events[EVENTS];
  queue = epoll_create1(EPOLL_CLOEXEC);
  if (queue < 0) fail("epoll_create1");
  control.fd = STDIN_FILENO;
  watch(EPOLL_CTL_ADD, &control, EPOLLIN);
  start_listening();
  for (;;) {
    const int count = epoll_wait(queue, events, EVENTS, -1);
    if (count < 0 && errno != EINTR) fail("epoll_wait");
    for (int index = 0; index < count; index++) {
      Connection* connection = events[index].data.ptr;
      if (connection == &listener) {
        accept_all();
      } else if (connection == &control) {
        obey();
      } else if (!serve(connection, events[index].events)) {
        end_connection(connection);
      }
    }
  }
}
