/* chunk_iter FILE...: collects offset and size of every chunk of every dataset with libhdf5's H5Dchunk_iter, and prints what it took. */
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef struct {
    haddr_t at;
    hsize_t bytes;
} place;

static place *places;
static size_t count, room;

static int collect(const hsize_t *offset, unsigned mask, haddr_t at, hsize_t bytes, void *unused)
{
    (void)offset, (void)mask, (void)unused;
    if (count == room) {
        room = room ? 2 * room : 1024;
        if ((places = realloc(places, room * sizeof *places)) == NULL)
            exit(1);
    }
    places[count++] = (place){at, bytes};
    return H5_ITER_CONT;
}

static herr_t object(hid_t file, const char *name, const H5O_info2_t *info, void *unused)
{
    (void)unused;
    if (info->type != H5O_TYPE_DATASET)
        return 0;
    hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT), plist = H5Dget_create_plist(dataset);
    herr_t status = H5Pget_layout(plist) == H5D_CHUNKED ? H5Dchunk_iter(dataset, H5P_DEFAULT, collect, NULL) : 0;
    H5Pclose(plist);
    H5Dclose(dataset);
    return status;
}

static double seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    for (int i = 1; i < argc; i++) {
        hid_t file = H5Fopen(argv[i], H5F_ACC_RDONLY, H5P_DEFAULT);
        if (file < 0 || H5Ovisit3(file, H5_INDEX_NAME, H5_ITER_NATIVE, object, NULL, H5O_INFO_BASIC) < 0)
            return 1;
        H5Fclose(file);
    }
    printf("{\"wall\": %f, \"cpu\": %f, \"refs\": %zu}\n", seconds(CLOCK_MONOTONIC) - wall, seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu, count);
    return 0;
}
