package netcdf4

import "context"

func (u *variable) setVirtual(ctx context.Context) error {
	return unsupported("a virtual dataset")
}
