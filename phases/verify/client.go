package verify

// Client is the check through xarray in the user's Python.
type Client struct {
	Verdict Verdict `json:"verdict"`
	Message string  `json:"message"`
}

func (c *Client) String() string { return string(c.Verdict) + ": " + c.Message }
