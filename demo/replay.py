class ReplayStory:
    pass
