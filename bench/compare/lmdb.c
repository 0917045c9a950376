/*
 * LMDB from C, as a process that answers one command a line with "<nanoseconds> <checksum>". It holds its
 * store open between commands, so that its rounds can take turns with those of the other stores.
 *
 *   lmdb <store file> <data folder> <map size in MiB> <value size>
 *
 * The data folder holds what the benchmark itself works with: <name>.keys has keys of 16 bytes, <name>.values
 * for each key the number (u32) of its value in `pool`, which has the values.
 *
 *   fresh sync|nosync       an empty store in place of the one before
 *   load <name> put|append  every entry of <name> in one transaction
 *   get <name> copy|view    every key of <name>
 *   scan copy|view          every entry, by a cursor
 *   commits <name> <from> <count> <puts>   so many transactions of so many puts, from this key of <name> on
 *   memcpy <name>           a copy of the value's size from a random place of 64 MiB for every key of <name>
 */
#include <fcntl.h>
#include <lmdb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { KEY = 16, BATCHES = 8, ARENA = 64 << 20, MAX_VALUE = 4096 };

typedef struct {
  char name[32];
  size_t count;
  uint8_t *keys;
  uint32_t *values;
} batch;

static MDB_env *env;
static MDB_dbi dbi;
static const char *store, *folder;
static size_t map_size, value_size;
static uint8_t *pool, *arena;
static batch batches[BATCHES];
static int loaded;

static void check(int code, const char *what) {
  if (code == 0) return;
  fprintf(stderr, "lmdb: %s: %s\n", what, mdb_strerror(code));
  exit(1);
}

static int64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* The whole file, or NULL where there is none. */
static void *read_file(const char *name, const char *extension, size_t *size) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s%s", folder, name, extension);
  FILE *file = fopen(path, "rb");
  if (file == NULL) return NULL;
  struct stat stat;
  if (fstat(fileno(file), &stat) != 0) return NULL;
  void *bytes = malloc(stat.st_size + 1);
  if (bytes == NULL || fread(bytes, 1, stat.st_size, file) != (size_t)stat.st_size) return NULL;
  fclose(file);
  *size = stat.st_size;
  return bytes;
}

static batch *find_batch(const char *name) {
  for (int i = 0; i < loaded; i++) if (strcmp(batches[i].name, name) == 0) return &batches[i];
  batch *b = &batches[loaded++];
  size_t size = 0, values_size = 0;
  if (loaded > BATCHES || (b->keys = read_file(name, ".keys", &size)) == NULL) {
    fprintf(stderr, "lmdb: no keys named %s\n", name);
    exit(1);
  }
  b->values = read_file(name, ".values", &values_size);
  b->count = size / KEY;
  snprintf(b->name, sizeof b->name, "%s", name);
  return b;
}

static void fresh(const char *how) {
  char lock[4096];
  snprintf(lock, sizeof lock, "%s-lock", store);
  if (env != NULL) mdb_env_close(env);
  unlink(store);
  unlink(lock);
  check(mdb_env_create(&env), "create");
  check(mdb_env_set_mapsize(env, map_size), "map size");
  unsigned flags = MDB_NOSUBDIR | MDB_NOMEMINIT | MDB_NOTLS | (strcmp(how, "nosync") == 0 ? MDB_NOSYNC : 0);
  check(mdb_env_open(env, store, flags, 0644), "open");
  MDB_txn *txn;
  check(mdb_txn_begin(env, NULL, 0, &txn), "begin");
  check(mdb_dbi_open(txn, NULL, 0, &dbi), "dbi");
  check(mdb_txn_commit(txn), "commit");
}

static void put(MDB_txn *txn, const batch *b, size_t i, unsigned flags) {
  MDB_val key = {KEY, b->keys + i * KEY};
  MDB_val value = {value_size, pool + b->values[i] * value_size};
  check(mdb_put(txn, dbi, &key, &value, flags), "put");
}

static uint64_t load(const batch *b, unsigned flags) {
  MDB_txn *txn;
  check(mdb_txn_begin(env, NULL, 0, &txn), "begin");
  for (size_t i = 0; i < b->count; i++) put(txn, b, i, flags);
  check(mdb_txn_commit(txn), "commit");
  return b->count;
}

/* First and last byte of what was read; a copy goes to memory of its own first. */
static inline uint64_t consume(const MDB_val *value, uint8_t *copy) {
  const uint8_t *bytes = value->mv_data;
  if (copy != NULL) {
    memcpy(copy, bytes, value->mv_size);
    __asm__ volatile("" ::"r"(copy) : "memory");
    bytes = copy;
  }
  return value->mv_size == 0 ? 0 : bytes[0] + bytes[value->mv_size - 1];
}

static uint64_t get(const batch *b, uint8_t *copy) {
  MDB_txn *txn;
  uint64_t sum = 0;
  check(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn), "begin");
  for (size_t i = 0; i < b->count; i++) {
    MDB_val key = {KEY, b->keys + i * KEY}, value;
    int code = mdb_get(txn, dbi, &key, &value);
    if (code == MDB_NOTFOUND) continue;
    check(code, "get");
    sum += consume(&value, copy);
  }
  mdb_txn_abort(txn);
  return sum;
}

static uint64_t scan(uint8_t *copy) {
  MDB_txn *txn;
  MDB_cursor *cursor;
  MDB_val key, value;
  uint64_t sum = 0;
  int code;
  check(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn), "begin");
  check(mdb_cursor_open(txn, dbi, &cursor), "cursor");
  while ((code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) sum += consume(&value, copy);
  if (code != MDB_NOTFOUND) check(code, "scan");
  mdb_cursor_close(cursor);
  mdb_txn_abort(txn);
  return sum;
}

static uint64_t commits(const batch *b, size_t from, size_t count, size_t puts) {
  for (size_t i = 0; i < count; i++) {
    MDB_txn *txn;
    check(mdb_txn_begin(env, NULL, 0, &txn), "begin");
    for (size_t j = 0; j < puts; j++) put(txn, b, (from + i * puts + j) % b->count, 0);
    check(mdb_txn_commit(txn), "commit");
  }
  return count;
}

/* What any copied read costs at the least: a look at the key, and its value's bytes from somewhere in memory. */
static uint64_t copies(const batch *b, uint8_t *copy) {
  uint64_t sum = 0;
  for (size_t i = 0; i < b->count; i++) {
    uint32_t place;
    memcpy(&place, b->keys + i * KEY, sizeof place);
    MDB_val value = {value_size, arena + place % (ARENA - MAX_VALUE)};
    sum += consume(&value, copy);
  }
  return sum;
}

static uint64_t run(const char *command, char words[4][64]) {
  static uint8_t copy[MAX_VALUE];
  if (strcmp(command, "fresh") == 0) return fresh(words[0]), 0;
  if (strcmp(command, "load") == 0) return load(find_batch(words[0]), strcmp(words[1], "append") == 0 ? MDB_APPEND : 0);
  if (strcmp(command, "get") == 0) return get(find_batch(words[0]), strcmp(words[1], "copy") == 0 ? copy : NULL);
  if (strcmp(command, "scan") == 0) return scan(strcmp(words[0], "copy") == 0 ? copy : NULL);
  if (strcmp(command, "commits") == 0) return commits(find_batch(words[0]), atol(words[1]), atol(words[2]), atol(words[3]));
  if (strcmp(command, "memcpy") == 0) return copies(find_batch(words[0]), copy);
  fprintf(stderr, "lmdb: no command %s\n", command);
  exit(1);
}

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  store = argv[1];
  folder = argv[2];
  map_size = (size_t)atol(argv[3]) << 20;
  value_size = atol(argv[4]);
  size_t size;
  pool = read_file("pool", "", &size);
  arena = malloc(ARENA);
  if (pool == NULL || arena == NULL || value_size > MAX_VALUE) return 2;
  memset(arena, 1, ARENA);
  char line[512], command[64], words[4][64];
  while (fgets(line, sizeof line, stdin) != NULL) {
    memset(words, 0, sizeof words);
    if (sscanf(line, "%63s %63s %63s %63s %63s", command, words[0], words[1], words[2], words[3]) < 1) continue;
    /* What a command reads from the data folder is read before its time begins. */
    if (words[0][0] != 0 && strcmp(command, "fresh") != 0 && strcmp(command, "scan") != 0) find_batch(words[0]);
    int64_t started = now();
    uint64_t checksum = run(command, words);
    printf("%lld %llu\n", (long long)(now() - started), (unsigned long long)checksum);
    fflush(stdout);
  }
  if (env != NULL) mdb_env_close(env);
  return 0;
}
